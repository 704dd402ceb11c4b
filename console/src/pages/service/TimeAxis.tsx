import { useRef } from 'react';
import { Link } from 'react-router';

import type { Happening, HealthChangeView } from '../../api/shapes';
import { projectPath } from '../../show/places';
import { clockTime, localTime } from '../../show/time';
import { useWidth } from '../../show/useWidth';
import { type Cluster, type Stretch, cluster, placeOf, ticks } from './axis';
import { HappeningGlyph } from './HappeningRow';
import { LANES, LANE_NAMES, type Lane, keyOf, runOf } from './happenings';

const GLYPH = 14;
/** Marks nearer than this become one with a number. */
const GAP = 20;
const FOOT = 20;
/** So many pixels have room for names of lanes beside them. */
const WIDE = 520;

interface Layout {
  /** Where the lanes begin. */
  left: number;
  lane: number;
  /** From the top of a lane to the middle of its marks. */
  middle: number;
}

function layoutOf(width: number): Layout {
  return width >= WIDE ? { left: 96, lane: 28, middle: 14 } : { left: 10, lane: 40, middle: 28 };
}

function inWords(happening: Happening): string {
  const at = clockTime(happening.at);
  switch (happening.what) {
    case 'run':
      return `${at} run ${happening.run.title ?? happening.run.runbook}: ${happening.run.state}`;
    case 'health':
      return `${at} ${happening.environment} is ${happening.health}`;
    case 'fact':
      return `${at} fact ${happening.key} in ${happening.environment}`;
    case 'firing':
      return `${at} ${happening.schedule} did not start`;
  }
}

interface MarkProps {
  mark: Cluster<Happening>;
  y: number;
  project: string;
  changes: HealthChangeView[];
  look: (at: Happening[]) => void;
}

/** One happening leads to its run; several at once, or one without a run, are picked out in the list beneath. */
function Mark({ mark, y, project, changes, look }: MarkProps) {
  // Of several the newest gives the shape.
  const newest = mark.items.at(-1);
  if (newest === undefined) {
    return null;
  }
  const several = mark.items.length > 1;
  const words = several ? `${mark.items.length} at about ${clockTime(newest.at)}` : inWords(newest);
  const run = several ? null : runOf(newest, changes);
  const drawn = (
    <g transform={`translate(${mark.x} ${y})`}>
      <title>{words}</title>
      <circle r={GLYPH / 2 + 3} className="sb-axis-halo" />
      <g transform={`translate(${-GLYPH / 2} ${-GLYPH / 2})`}>
        <HappeningGlyph happening={newest} size={GLYPH} />
      </g>
      {several && (
        <text className="sb-axis-count" x={GLYPH / 2 + 1} y={-GLYPH / 2 + 4}>
          {mark.items.length}
        </text>
      )}
    </g>
  );
  return run === null ? (
    <g
      role="button"
      tabIndex={0}
      className="sb-axis-mark"
      aria-label={words}
      onClick={() => look(mark.items)}
      onKeyDown={(event) => {
        if (event.key === 'Enter' || event.key === ' ') {
          event.preventDefault();
          look(mark.items);
        }
      }}
    >
      {drawn}
    </g>
  ) : (
    <Link to={projectPath(project, 'runs', run)} className="sb-axis-mark" aria-label={words}>
      {drawn}
    </Link>
  );
}

interface TimeAxisProps {
  project: string;
  on: Stretch;
  lanes: Record<Lane, Happening[]>;
  changes: HealthChangeView[];
  /** Some of them are to be picked out. */
  look: (at: Happening[]) => void;
}

/** Everything that happened, on one axis. */
export function TimeAxis({ project, on, lanes, changes, look }: TimeAxisProps) {
  const box = useRef<HTMLDivElement>(null);
  const width = useWidth(box);
  const { left, lane, middle } = layoutOf(width);
  const inner = Math.max(0, width - left - 16);
  const height = LANES.length * lane + FOOT;
  const x = (at: number): number => left + placeOf(at, on, inner);
  return (
    <div ref={box} className="sb-axis">
      {width > 0 && (
        <svg
          width={width}
          height={height}
          viewBox={`0 0 ${width} ${height}`}
          role="group"
          aria-label={`From ${localTime(new Date(on.from).toISOString())} to now; listed beneath`}
        >
          {ticks(on, Math.floor(inner / 72)).map(({ at, label }) => (
            <g key={at} aria-hidden="true">
              <path d={`M${x(at)} 0V${height - FOOT + 4}`} className="sb-axis-tick" />
              <text x={x(at)} y={height - 4} className="sb-axis-label" textAnchor="middle">
                {label}
              </text>
            </g>
          ))}
          {LANES.map((name, at) => {
            const y = at * lane + middle;
            return (
              <g key={name}>
                <path d={`M${left} ${y}H${left + inner}`} className="sb-axis-lane" />
                <text
                  className="sb-axis-name"
                  x={0}
                  y={left > GAP ? y + 4 : at * lane + 12}
                  aria-label={`${LANE_NAMES[name]}: ${lanes[name].length}`}
                >
                  {LANE_NAMES[name]}
                  <tspan className="sb-axis-number" dx="6">
                    {lanes[name].length}
                  </tspan>
                </text>
                {cluster(lanes[name], (happening) => Date.parse(happening.at), on, inner, GAP).map((mark) => (
                  <Mark
                    key={mark.items[0] && keyOf(mark.items[0])}
                    mark={{ ...mark, x: mark.x + left }}
                    y={y}
                    project={project}
                    changes={changes}
                    look={look}
                  />
                ))}
              </g>
            );
          })}
        </svg>
      )}
    </div>
  );
}
