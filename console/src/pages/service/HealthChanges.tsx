import type { HealthChangeView } from '../../api/shapes';
import { HealthLabel } from '../../show/Health';
import { healthWord, isIll } from '../../show/healthWords';
import { Ago, Moment } from '../../show/Moments';
import { projectPath } from '../../show/places';
import { Prose } from '../../show/Prose';
import { useMore } from '../../show/useMore';
import { Link } from 'react-router';
import { clockTime } from '../../show/time';
import { HappeningRow } from './HappeningRow';
import { keyOf, runOf } from './happenings';

const FEW = 5;

interface HealthChangesProps {
  project: string;
  service: string;
  changes: HealthChangeView[];
}

/** Each change of health, and what ran and changed just before it broke. */
export function HealthChanges({ project, service, changes }: HealthChangesProps) {
  const { shown, more } = useMore(changes, FEW);
  if (changes.length === 0) {
    return <p className="sb-faint">It has not changed in the last ninety days.</p>;
  }
  return (
    <>
      <ol className="sb-health-changes">
        {shown.map((change) => {
          const before = change.preceded_by ?? [];
          return (
            <li key={`${change.at} ${change.environment}`}>
              <div className="sb-health-change">
                <HealthLabel health={change.health} />
                <span className="sb-evidence-what">
                  in {change.environment}, was {healthWord(change.before)}
                  <span className="sb-cause">
                    <Prose text={change.cause} />
                  </span>
                </span>
                <span className="sb-evidence-when">
                  <Moment at={change.at} /> <Ago at={change.at} />
                  {change.run && <Link to={projectPath(project, 'runs', change.run)}>run</Link>}
                </span>
              </div>
              {isIll(change.health) && before.length > 0 && (
                <div className="sb-before">
                  <h4>Just before</h4>
                  <ol className="sb-happenings" aria-label={`Just before it was ${healthWord(change.health)}`}>
                    {before.map((happening) => (
                      <HappeningRow
                        key={keyOf(happening)}
                        project={project}
                        happening={happening}
                        service={service}
                        run={runOf(happening, [])}
                        time={
                          <time className="sb-time" dateTime={happening.at} title={happening.at}>
                            {clockTime(happening.at)}
                          </time>
                        }
                      />
                    ))}
                  </ol>
                </div>
              )}
            </li>
          );
        })}
      </ol>
      {more}
    </>
  );
}
