import { Alert, AlertActionCloseButton } from '@patternfly/react-core';
import { useState } from 'react';

import { ProblemError } from '../../api/problem';
import type { RunView } from '../../api/shapes';
import { Ago, Countdown } from '../../show/Moments';
import { Prose } from '../../show/Prose';
import { StateGlyph } from '../../show/State';
import { VisibleText } from '../../show/VisibleText';
import { GateForm } from './GateForm';
import { LostForm } from './LostForm';
import { ManualForm } from './ManualForm';
import { needingPeople, pathOf } from './tree';

/** More are named, and opened one by one. */
const MOST_OPEN = 2;

const HEADS = { person: 'A person does this', approval: 'Somebody says yes or no', lost: 'Nobody knows how it ended' };

function Card({ run, place, late }: { run: RunView; place: number; late: (error: unknown) => void }) {
  const step = run.steps[place];
  const wait = step?.wait;
  if (step === undefined || !wait || (wait.for !== 'person' && wait.for !== 'approval' && wait.for !== 'lost')) {
    return null;
  }
  const path = pathOf(step);
  return (
    <section className="sb-card sb-act" data-for={wait.for} aria-label={`${HEADS[wait.for]}: ${path}`}>
      <header className="sb-act-head">
        <h2>
          <StateGlyph state="waiting" /> <VisibleText text={step.name} />
        </h2>
        <span className="sb-faint">
          {HEADS[wait.for]}
          {path !== step.name && (
            <>
              {' · '}
              <code>
                <VisibleText text={path} />
              </code>
            </>
          )}
          {' · waits since '}
          <Ago at={wait.since} />
          {wait.until && wait.for !== 'lost' && (
            <>
              , given up <Countdown to={wait.until} />
            </>
          )}
        </span>
      </header>
      {wait.for === 'person' && <ManualForm run={run} step={step} wait={wait} late={late} />}
      {wait.for === 'approval' && <GateForm run={run} step={step} wait={wait} late={late} />}
      {wait.for === 'lost' && <LostForm run={run} step={step} wait={wait} late={late} />}
    </section>
  );
}

interface NeedsPeopleProps {
  run: RunView;
  chosen: number | null;
  choose: (path: string) => void;
}

/** What of a run waits for people, to be done here. */
export function NeedsPeople({ run, chosen, choose }: NeedsPeopleProps) {
  const [late, setLate] = useState<unknown>(null);
  const all = needingPeople(run);
  // A chosen one comes first; otherwise whoever waits longest.
  const sorted = chosen !== null && all.includes(chosen) ? [chosen, ...all.filter((place) => place !== chosen)] : all;
  const open = sorted.slice(0, MOST_OPEN);
  const rest = sorted.slice(MOST_OPEN);
  return (
    <>
      {late instanceof ProblemError && (
        <Alert
          isInline
          variant="info"
          component="p"
          title={late.problem.title}
          actionClose={<AlertActionCloseButton onClose={() => setLate(null)} />}
        >
          <Prose text={late.problem.detail} />
        </Alert>
      )}
      {open.map((place) => (
        <Card key={`${place} ${run.steps[place]?.wait?.since ?? ''}`} run={run} place={place} late={setLate} />
      ))}
      {rest.length > 0 && (
        <p className="sb-act-rest">
          {rest.length} more {rest.length === 1 ? 'waits' : 'wait'} for a person:{' '}
          {rest.slice(0, 8).map((place) => {
            const step = run.steps[place];
            return (
              step !== undefined && (
                <button key={place} type="button" className="sb-plain-button" onClick={() => choose(pathOf(step))}>
                  <VisibleText text={pathOf(step)} />
                </button>
              )
            );
          })}
          {rest.length > 8 && ' …'}
        </p>
      )}
    </>
  );
}
