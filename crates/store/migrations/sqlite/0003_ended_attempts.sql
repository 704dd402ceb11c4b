-- Attempts that were not the end of their step: few, and asked for whenever somebody follows a run.
CREATE INDEX events_of_attempts ON events (run, run_seq) WHERE type = 'step.attempt_finished';
