import { ToggleGroup, ToggleGroupItem } from '@patternfly/react-core';
import { useQuery } from '@tanstack/react-query';
import { Fragment, useMemo, useState } from 'react';

import { diffQuery } from '../../api/queries';
import type { FileDiff } from '../../api/shapes';
import { Loading } from '../../show/Loading';
import { TroubleNote } from '../../show/Trouble';
import { VisibleText } from '../../show/VisibleText';
import { type DiffLine, type Hunk, paired, readDiff } from './diff';
import './diff.css';

const MARKS = { same: ' ', added: '+', removed: '−' };
const SAID = { same: '', added: 'added: ', removed: 'removed: ' };

function Text({ line }: { line: DiffLine | null }) {
  if (line === null) {
    return (
      <td className="sb-diff-text" data-kind="none">
        {'\u00a0'}
      </td>
    );
  }
  return (
    <td className="sb-diff-text" data-kind={line.kind}>
      <span className="sb-diff-mark" aria-hidden="true">
        {MARKS[line.kind]}
      </span>
      {line.kind !== 'same' && <span className="pf-v6-screen-reader">{SAID[line.kind]}</span>}
      <VisibleText text={line.text} />
      {line.open && <span className="sb-faint"> (no line’s end)</span>}
    </td>
  );
}

function NumberCell({ number, kind }: { number: number | null | undefined; kind: string }) {
  return (
    <td className="sb-diff-number" data-kind={kind}>
      {number ?? '\u00a0'}
    </td>
  );
}

function HunkRows({ hunk, sides }: { hunk: Hunk; sides: boolean }) {
  const columns = sides ? 4 : 3;
  return (
    <tbody>
      {hunk.skipped > 0 && (
        <tr className="sb-diff-skipped">
          <td colSpan={columns}>
            {hunk.skipped} {hunk.skipped === 1 ? 'line is' : 'lines are'} the same
          </td>
        </tr>
      )}
      {sides
        ? paired(hunk.lines).map(({ old, new: next }) => (
            <tr key={`${old?.old ?? ''}-${next?.new ?? ''}`}>
              <NumberCell number={old?.old} kind={old?.kind ?? 'none'} />
              <Text line={old} />
              <NumberCell number={next?.new} kind={next?.kind ?? 'none'} />
              <Text line={next} />
            </tr>
          ))
        : hunk.lines.map((line) => (
            <tr key={`${line.old ?? ''}-${line.new ?? ''}`}>
              <NumberCell number={line.old} kind={line.kind} />
              <NumberCell number={line.new} kind={line.kind} />
              <Text line={line} />
            </tr>
          ))}
    </tbody>
  );
}

function FilePart({ file, sides }: { file: FileDiff; sides: boolean }) {
  const hunks = useMemo(() => readDiff(file.text), [file.text]);
  return (
    <section className="sb-diff-file">
      <h2>
        <code>
          <VisibleText text={file.path} />
        </code>
        {file.added && <span>only in the newer</span>}
        {file.removed && <span>only in the older</span>}
        <span className="sb-diff-counts">
          <span className="sb-diff-plus">+{file.lines_added}</span>{' '}
          <span className="sb-diff-minus">−{file.lines_removed}</span>
        </span>
      </h2>
      {file.binary ? (
        <p className="sb-faint">Its bytes differ; they are not text.</p>
      ) : hunks.length === 0 ? (
        <p className="sb-faint">Its text is the same.</p>
      ) : (
        // The reader scrolls long lines with the keyboard too.
        // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
        <div className="sb-diff-scroll" tabIndex={0} role="group" aria-label={`Differences in ${file.path}`}>
          <table className={sides ? 'sb-diff sb-diff-sides' : 'sb-diff'}>
            <colgroup>
              <col className="sb-diff-narrow" />
              <col className={sides ? undefined : 'sb-diff-narrow'} />
              {sides && <col className="sb-diff-narrow" />}
              <col />
            </colgroup>
            <thead className="sb-diff-head">
              <tr>
                <th scope="col">Line before</th>
                {sides && <th scope="col">Before</th>}
                <th scope="col">Line after</th>
                <th scope="col">{sides ? 'After' : 'Text'}</th>
              </tr>
            </thead>
            {hunks.map((hunk) => (
              <HunkRows key={`${hunk.lines[0]?.old ?? ''}-${hunk.lines[0]?.new ?? ''}`} hunk={hunk} sides={sides} />
            ))}
          </table>
        </div>
      )}
    </section>
  );
}

const NARROW = '(max-width: 62rem)';

/** How one version differs from another, file by file. */
export function Diff({ project, runbook, from, to }: { project: string; runbook: string; from: string; to: string }) {
  const { data: diff, error } = useQuery(diffQuery(project, runbook, from, to));
  const [sides, setSides] = useState(() => !window.matchMedia(NARROW).matches);
  if (diff === undefined) {
    return error === null ? <Loading /> : <TroubleNote error={error} />;
  }
  return (
    <div className="sb-diff-all">
      <div className="sb-section-head">
        <p>
          From <code title={from}>{from.slice(0, 12)}</code> to <code title={to}>{to.slice(0, 12)}</code>
        </p>
        <ToggleGroup aria-label="How it is shown" isCompact>
          <ToggleGroupItem text="Side by side" isSelected={sides} onChange={() => setSides(true)} />
          <ToggleGroupItem text="One column" isSelected={!sides} onChange={() => setSides(false)} />
        </ToggleGroup>
      </div>
      {diff.files.length === 0 && <p className="sb-faint">The two are the same.</p>}
      {diff.files.map((file) => (
        <Fragment key={file.path}>
          <FilePart file={file} sides={sides} />
        </Fragment>
      ))}
    </div>
  );
}
