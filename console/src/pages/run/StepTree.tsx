import { Button } from '@patternfly/react-core';
import { type ReactNode, memo, useEffect, useRef, useState } from 'react';

import type { AnswerVerdict, Phase, StepRun, StepState } from '../../api/shapes';
import { EffectLabel } from '../../show/Effect';
import { Icon } from '../../show/Icon';
import { Took } from '../../show/Moments';
import { Prose } from '../../show/Prose';
import { StateGlyph } from '../../show/State';
import { VisibleText } from '../../show/VisibleText';
import { causeOf } from './causes';
import { Outputs } from './Outputs';
import { type Part, counted, hasInside, isRepeated, labelOf, opensByItself, partsOf, pathOf } from './tree';
import { WaitsFor } from './WaitsFor';

/** More in one place are shown a piece at a time. */
const PIECE = 200;

const PHASES: Record<Phase, string> = { main: '', on_failure: 'On failure', cleanup: 'Cleanup' };

const ANSWERED: Record<AnswerVerdict, string> = {
  done: 'done by',
  failed: 'failed, says',
  approved: 'approved by',
  declined: 'declined by',
  resolved_succeeded: 'resolved by',
  resolved_failed: 'resolved by',
  resolved_retry: 'tried again by',
};

export interface Folding {
  /** Places that somebody opened or closed. */
  said: ReadonlyMap<number, boolean>;
  say: (place: number, open: boolean) => void;
}

interface TreeProps {
  steps: StepRun[];
  /** What the page says of the whole run: a step need not say it again. */
  said: string;
  /** The chosen step's place, and those of the steps that it is in. */
  chosen: number | null;
  within: readonly number[];
  choose: (path: string | null) => void;
  folding: Folding;
}

function Counts({ counts, only, setOnly }: CountsProps) {
  return (
    <span className="sb-counts" role="group" aria-label="States">
      {counts.map(([state, count]) => (
        <button
          key={state}
          type="button"
          aria-pressed={only === state}
          title={only === state ? 'Show all' : `Show only what is ${state}`}
          onClick={() => setOnly(only === state ? null : state)}
        >
          <StateGlyph state={state} />
          {count.toLocaleString('en')} {state}
        </button>
      ))}
    </span>
  );
}

interface CountsProps {
  counts: [StepState, number][];
  only: StepState | null;
  setOnly: (state: StepState | null) => void;
}

function Children({ part, tree, only }: { part: Part; tree: TreeProps; only: StepState | null }) {
  const [most, setMost] = useState(PIECE);
  const places = only === null ? part.places : part.places.filter((place) => tree.steps[place]?.state === only);
  // What leads to the chosen step is always there.
  const shown = places.filter((place, at) => at < most || tree.within.includes(place));
  return (
    <>
      {part.phase !== 'main' && <p className="sb-phase">{PHASES[part.phase]}</p>}
      <ol className="sb-steps" aria-label={PHASES[part.phase] || 'Steps'}>
        {shown.map((place) => (
          <Node key={place} place={place} tree={tree} />
        ))}
      </ol>
      {shown.length < places.length && (
        <Button variant="link" isInline className="sb-steps-more" onClick={() => setMost(most + PIECE)}>
          Show {Math.min(PIECE, places.length - shown.length)} more of {places.length.toLocaleString('en')}
        </Button>
      )}
    </>
  );
}

interface RowProps {
  step: StepRun;
  place: number;
  chosen: boolean;
  /** None where nothing is inside. */
  open: boolean | null;
  said: string;
  choose: (path: string | null) => void;
  fold: (place: number, open: boolean) => void;
}

/** Is there nothing to say of it beyond what its symbol says? */
function isQuiet(step: StepRun): boolean {
  return step.attempt <= 1 && !step.answer && ['pending', 'running', 'succeeded', 'skipped'].includes(step.state);
}

function stateWord(step: StepRun): ReactNode {
  if (step.wait && step.state === 'waiting') {
    return <WaitsFor wait={step.wait} />;
  }
  return step.answer ? (
    <>
      {step.state} · {ANSWERED[step.answer.verdict]} <VisibleText text={step.answer.by.name} />
    </>
  ) : (
    step.state
  );
}

/** A step's own lines. Of thousands only those that changed are drawn again. */
const Row = memo(function Row({ step, place, chosen, open, said, choose, fold }: RowProps) {
  const cause = causeOf(step);
  const label = labelOf(step);
  const row = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (chosen) {
      row.current?.scrollIntoView({ block: 'nearest' });
    }
  }, [chosen]);
  return (
    <>
      <div ref={row} className="sb-step-row">
        {open === null ? (
          <span className="sb-step-fold" />
        ) : (
          <button
            type="button"
            className="sb-step-fold"
            aria-expanded={open}
            aria-label={open ? `Fold ${label}` : `Unfold ${label}`}
            onClick={() => fold(place, !open)}
          >
            <Icon name={open ? 'down' : 'right'} />
          </button>
        )}
        <button
          type="button"
          className="sb-step-button"
          aria-pressed={chosen}
          onClick={() => choose(chosen ? null : pathOf(step))}
        >
          <StateGlyph state={step.state} />
          <span className="sb-step-name">
            <VisibleText text={label} />
          </span>
          {step.effect !== 'change' && !step.branch && <EffectLabel effect={step.effect} />}
          <span className="sb-step-took">
            <Took from={step.started_at} to={step.finished_at} />
          </span>
          <span className={isQuiet(step) ? 'pf-v6-screen-reader' : 'sb-step-facts'}>
            {stateWord(step)}
            {step.attempt > 1 && ` · attempt ${step.attempt}`}
            {cause !== null && !isQuiet(step) && ` · ${cause}`}
          </span>
        </button>
      </div>
      {step.message && !said.includes(step.message) && (
        <p className="sb-step-message">
          <Prose text={step.message} />
        </p>
      )}
      <Outputs outputs={step.outputs} />
    </>
  );
});

/** A step with nothing in it. */
const Leaf = memo(function Leaf({ step, chosen, ...row }: Omit<RowProps, 'open'>) {
  return (
    <li data-leaf data-state={step.state} data-chosen={chosen} data-path={pathOf(step)}>
      <Row {...row} step={step} chosen={chosen} open={null} />
    </li>
  );
});

function Node({ place, tree }: { place: number; tree: TreeProps }) {
  const step = tree.steps[place];
  if (step === undefined) {
    return null;
  }
  if (hasInside(step)) {
    return <Group place={place} step={step} tree={tree} />;
  }
  const { said, choose, folding } = tree;
  return (
    <Leaf
      step={step}
      place={place}
      chosen={tree.chosen === place}
      said={step.message ? said : ''}
      choose={choose}
      fold={folding.say}
    />
  );
}

function Group({ place, step, tree }: { place: number; step: StepRun; tree: TreeProps }) {
  const [only, setOnly] = useState<StepState | null>(null);
  const leads = tree.within.includes(place) && tree.chosen !== place;
  const open = tree.folding.said.get(place) ?? (leads || opensByItself(step));
  const parts = partsOf(step);
  const counts = isRepeated(step)
    ? counted(
        tree.steps,
        parts.flatMap(({ places }) => places),
      )
    : [];
  return (
    <li data-state={step.state} data-chosen={tree.chosen === place} data-path={pathOf(step)}>
      <Row
        step={step}
        place={place}
        chosen={tree.chosen === place}
        open={open}
        said={tree.said}
        choose={tree.choose}
        fold={tree.folding.say}
      />
      {counts.length > 0 && (
        <Counts
          counts={counts}
          only={only}
          setOnly={(state) => {
            setOnly(state);
            tree.folding.say(place, true);
          }}
        />
      )}
      {open && (
        <div className="sb-step-inside">
          {parts.map((part) => (
            <Children key={part.phase} part={part} tree={tree} only={only} />
          ))}
        </div>
      )}
    </li>
  );
}

/** The steps of a run as a tree; a chosen one narrows the log to itself. */
export function StepTree({ parts, ...tree }: TreeProps & { parts: Part[] }) {
  return parts.map((part) => <Children key={part.phase} part={part} tree={tree} only={null} />);
}
