import { Title } from '@patternfly/react-core';
import { useQuery } from '@tanstack/react-query';
import { Link } from 'react-router';

import type { RunbookView, ScheduleSummary } from '../../api/shapes';
import { NextFiring } from '../../schedule/NextFiring';
import { PauseButton } from '../../schedule/PauseButton';
import { PausedNote } from '../../schedule/PausedNote';
import { schedulesQuery } from '../../schedule/queries';
import '../../schedule/schedule.css';
import { timingOf } from '../../schedule/when';
import { WhenWords } from '../../schedule/WhenWords';
import { VisibleText } from '../../show/VisibleText';

function Name({ schedule }: { schedule: ScheduleSummary }) {
  if (schedule.kind !== 'schedule') {
    return schedule.kind === 'probe' ? 'as a probe' : 'as a collector';
  }
  return (
    <Link to={`/p/${encodeURIComponent(schedule.project)}/schedules/${encodeURIComponent(schedule.name)}`}>
      <VisibleText text={schedule.title ?? schedule.name} />
    </Link>
  );
}

/** When the runbook runs by itself; nothing if it never does. */
export function Timetable({ view }: { view: RunbookView }) {
  const { data } = useQuery(schedulesQuery(view.project, { runbook: view.runbook.name }));
  if (data === undefined || data.length === 0) {
    return null;
  }
  return (
    <section className="sb-timetable" aria-label="Runs by itself">
      <Title headingLevel="h2" size="md">
        Runs by itself
      </Title>
      <ul>
        {data.map((schedule) => (
          <li key={`${schedule.kind} ${schedule.name}`}>
            <span className="sb-timetable-name">
              <Name schedule={schedule} />
              <WhenWords timing={timingOf(schedule.when)} />
            </span>
            {!schedule.paused && <NextFiring schedule={schedule} />}
            {schedule.paused && <PausedNote pause={schedule.paused} />}
            {/* A schedule has a page of its own for it. */}
            {schedule.kind !== 'schedule' && <PauseButton schedule={schedule} small />}
          </li>
        ))}
      </ul>
    </section>
  );
}
