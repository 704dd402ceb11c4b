interface LogNoticeProps {
  dropped: number;
  mayBeCut: boolean;
  raw: string;
}

/** Says what of the log is not held here. */
export function LogNotice({ dropped, mayBeCut, raw }: LogNoticeProps) {
  const all = (
    <a href={raw} target="_blank" rel="noopener noreferrer">
      The whole log
    </a>
  );
  if (dropped > 0) {
    return (
      <p className="sb-log-notice">
        The oldest {dropped.toLocaleString('en')} lines are no longer held in this page. {all} has them.
      </p>
    );
  }
  return mayBeCut ? (
    <p className="sb-log-notice">
      This begins near the end of a long log, and numbers its lines from there. {all} has what came before.
    </p>
  ) : null;
}
