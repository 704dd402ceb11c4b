import { type KeyboardEvent, type PointerEvent, useId, useState } from 'react';
import { Link } from 'react-router';

import type { UptimeStrip } from '../../api/shapes';
import { projectPath } from '../../show/places';
import { VisibleText } from '../../show/VisibleText';
import { barOf, dayInWords, percent, totalOf } from './strip';

const HEIGHT = 32;
const BAR = 7;
const GAP = 2;

/** A bar for each day; one walks over them with the pointer or the arrow keys, and reads the numbers beneath. */
function Strip({
  strip,
  day,
  choose,
}: {
  strip: UptimeStrip;
  day: number | null;
  choose: (day: number | null) => void;
}) {
  const hatch = useId();
  const { days } = strip;
  const width = days.length * (BAR + GAP) - GAP;
  const chosen = day ?? days.length - 1;

  const walk = (event: KeyboardEvent): void => {
    const to = { ArrowLeft: chosen - 1, ArrowRight: chosen + 1, Home: 0, End: days.length - 1 }[event.key];
    if (to !== undefined) {
      event.preventDefault();
      choose(Math.min(days.length - 1, Math.max(0, to)));
    }
  };
  const point = (event: PointerEvent<HTMLDivElement>): void => {
    const box = event.currentTarget.getBoundingClientRect();
    const at = Math.floor(((event.clientX - box.left) / box.width) * days.length);
    choose(Math.min(days.length - 1, Math.max(0, at)));
  };
  return (
    <div
      className="sb-uptime-strip"
      role="slider"
      tabIndex={0}
      aria-label={`Days of ${strip.probe} in ${strip.environment}`}
      aria-valuemin={1}
      aria-valuemax={days.length}
      aria-valuenow={chosen + 1}
      aria-valuetext={days[chosen] && dayInWords(days[chosen])}
      onKeyDown={walk}
      onFocus={() => choose(chosen)}
      onBlur={() => choose(null)}
      onPointerMove={point}
      onPointerDown={point}
      onPointerLeave={() => choose(null)}
    >
      <svg viewBox={`0 0 ${width} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
        <defs>
          <pattern id={hatch} width="4" height="4" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
            <path d="M1 0V4" className="sb-uptime-strip-hatch" />
          </pattern>
        </defs>
        {days.map((each, at) => (
          <g
            key={each.day}
            transform={`translate(${at * (BAR + GAP)} 0)`}
            className={at === day ? 'chosen' : undefined}
          >
            {barOf(each).map(({ kind, top, height }) => (
              <rect
                key={kind}
                className={`sb-uptime-strip-${kind}`}
                y={top * HEIGHT}
                width={BAR}
                height={height * HEIGHT}
                fill={kind === 'blind' ? `url(#${hatch})` : undefined}
              />
            ))}
          </g>
        ))}
      </svg>
    </div>
  );
}

function DaysTable({ strip }: { strip: UptimeStrip }) {
  const days = strip.days.toReversed();
  return (
    <details className="sb-uptime-strip-table">
      <summary>As a table</summary>
      {/* The reader scrolls it with the keyboard too. */}
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
      <div tabIndex={0} role="region" aria-label={`Table of ${strip.probe} in ${strip.environment}`}>
        <table>
          <thead>
            <tr>
              <th scope="col">Day (UTC)</th>
              <th scope="col">Good</th>
              <th scope="col">Bad</th>
              <th scope="col">Cannot tell</th>
              <th scope="col">Share good</th>
            </tr>
          </thead>
          <tbody>
            {days.map(({ day, good, bad, no_sample: blind }) => (
              <tr key={day}>
                <th scope="row">{day}</th>
                {good + bad + blind === 0 ? (
                  <td colSpan={4} className="sb-faint">
                    no data
                  </td>
                ) : (
                  <>
                    <td>{good.toLocaleString('en')}</td>
                    <td>{bad.toLocaleString('en')}</td>
                    <td>{blind.toLocaleString('en')}</td>
                    <td>{good + bad === 0 ? 'no data' : percent(good, good + bad)}</td>
                  </>
                )}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </details>
  );
}

function Probe({ project, strip }: { project: string; strip: UptimeStrip }) {
  const [day, choose] = useState<number | null>(null);
  const { good, bad, withData } = totalOf(strip);
  const pointed = day === null ? undefined : strip.days[day];
  return (
    <div className="sb-uptime">
      <div className="sb-uptime-head">
        <Link to={projectPath(project, 'runbooks', strip.probe)}>
          <VisibleText text={strip.probe} />
        </Link>
        <span className="sb-faint">
          <VisibleText text={strip.environment} />
        </span>
        <span className="sb-uptime-share">
          {withData === 0 ? (
            'no data'
          ) : (
            <>
              <strong>{percent(good, good + bad)}</strong>{' '}
              <span className="sb-faint">
                good, {good.toLocaleString('en')} of {(good + bad).toLocaleString('en')}
              </span>
            </>
          )}
        </span>
      </div>
      <Strip strip={strip} day={day} choose={choose} />
      <div className="sb-uptime-foot">
        {pointed === undefined ? (
          <>
            <span>{strip.days[0]?.day}</span>
            <span>
              data on {withData} of {strip.days.length} days
            </span>
            <span>today (UTC)</span>
          </>
        ) : (
          <span className="sb-uptime-day">{dayInWords(pointed)}</span>
        )}
      </div>
      <DaysTable strip={strip} />
    </div>
  );
}

/** How each probe has fared, day by day. */
export function Uptime({ project, strips }: { project: string; strips: UptimeStrip[] }) {
  return strips.map((strip) => <Probe key={`${strip.environment} ${strip.probe}`} project={project} strip={strip} />);
}
