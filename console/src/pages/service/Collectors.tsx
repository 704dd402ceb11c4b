import { Link } from 'react-router';

import type { CollectorView } from '../../api/shapes';
import { StateGlyph } from '../../show/State';
import { Ago } from '../../show/Moments';
import { projectPath } from '../../show/places';
import { Prose } from '../../show/Prose';
import { limit } from '../../show/time';
import { VisibleText } from '../../show/VisibleText';

/** Where facts come from, and whether more of them will. */
export function Collectors({ project, collectors }: { project: string; collectors: CollectorView[] }) {
  return (
    <ul className="sb-collectors" aria-label="Collectors">
      {collectors.map(({ collector, environment, every_s, expire_s, observed_at, failure }) => (
        <li key={`${environment} ${collector}`}>
          <StateGlyph state={failure ? 'failed' : observed_at ? 'succeeded' : 'pending'} />
          <span>
            <Link to={projectPath(project, 'runbooks', collector)}>
              <VisibleText text={collector} />
            </Link>{' '}
            <span className="sb-faint">
              {observed_at ? (
                <>
                  looked <Ago at={observed_at} />
                </>
              ) : (
                'has not looked with success yet'
              )}
              , every {limit(every_s)}; facts expire after {limit(expire_s)}
            </span>
            {failure && (
              <span className="sb-collector-failure">
                <Prose text={failure} />
              </span>
            )}
          </span>
        </li>
      ))}
    </ul>
  );
}
