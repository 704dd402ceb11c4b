import { useQuery } from '@tanstack/react-query';

import { type ComparedWith, factsDiffQuery } from '../../api/queries';
import type { FactDifference } from '../../api/shapes';
import { JsonLink } from '../../show/JsonLink';
import { Loading } from '../../show/Loading';
import { Moment } from '../../show/Moments';
import { apiPath } from '../../show/places';
import { TroubleNote } from '../../show/Trouble';
import { VisibleText } from '../../show/VisibleText';
import { FactValue } from './FactValue';

/** Each way of being different has its sign and its word. */
function kindOf({ before, after }: FactDifference): { sign: string; word: string } {
  if (typeof before !== 'string') {
    return { sign: '+', word: 'added' };
  }
  return typeof after === 'string' ? { sign: '±', word: 'changed' } : { sign: '−', word: 'removed' };
}

function Side({ value }: { value: string | null | undefined }) {
  return typeof value === 'string' ? <FactValue text={value} /> : <span className="sb-faint">not there</span>;
}

interface FactsDiffProps {
  project: string;
  service: string;
  environment: string;
  other: ComparedWith;
}

/** How the facts of an environment differ from what they were, or from those of another. */
export function FactsDiff({ project, service, environment, other }: FactsDiffProps) {
  const { data, error } = useQuery(factsDiffQuery(project, service, environment, other));
  if (data === undefined) {
    return error === null ? <Loading /> : <TroubleNote error={error} />;
  }
  const before = 'at' in other ? <Moment at={other.at} /> : <VisibleText text={other.against} />;
  const parameters = new URLSearchParams({ environment, ...other });
  return (
    <div className="sb-facts-diff">
      <p className="sb-section-head">
        <span>
          <strong>
            {data.differences.length === 0
              ? 'No difference'
              : `${data.differences.length.toLocaleString('en')} ${data.differences.length === 1 ? 'difference' : 'differences'}`}
          </strong>{' '}
          <span className="sb-faint">
            {environment} now, against {before}; {data.same.toLocaleString('en')} the same
          </span>
        </span>
        <JsonLink to={`${apiPath(project, 'services', service, 'facts', 'diff')}?${parameters}`} of="the differences" />
      </p>
      {data.differences.length > 0 && (
        <table className="sb-facts-diff-table" aria-label="Differences">
          <thead>
            <tr>
              <th scope="col">Fact</th>
              <th scope="col">{before}</th>
              <th scope="col">
                {environment}
                {'at' in other && ' now'}
              </th>
            </tr>
          </thead>
          <tbody>
            {data.differences.map((difference) => {
              const { sign, word } = kindOf(difference);
              return (
                <tr key={`${difference.target ?? ''} ${difference.key}`} data-kind={word}>
                  <th scope="row">
                    <span className="sb-sign" title={word}>
                      <span aria-hidden="true">{sign}</span>
                      <span className="pf-v6-screen-reader">{word}</span>
                    </span>
                    <code className="sb-fact-key">{difference.key}</code>
                    {difference.target && (
                      <span className="sb-name">
                        <VisibleText text={difference.target} />
                      </span>
                    )}
                  </th>
                  <td>
                    <Side value={difference.before} />
                  </td>
                  <td>
                    <Side value={difference.after} />
                  </td>
                </tr>
              );
            })}
          </tbody>
        </table>
      )}
    </div>
  );
}
