import { Link } from 'react-router';

import { Prose } from './Prose';

const RUN_ID = /([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})/;

/** A sentence of the server in which runs are named by their id: each leads to its page. */
export function ProseWithRuns({ text, project }: { text: string; project: string }) {
  return text.split(RUN_ID).map((part, at) =>
    at % 2 === 1 ? (
      // Parts of a fixed text have no other name than their place.
      // oxlint-disable-next-line react/no-array-index-key
      <Link key={at} to={`/p/${encodeURIComponent(project)}/runs/${part}`} title={part}>
        {part.slice(-12)}
      </Link>
    ) : (
      // oxlint-disable-next-line react/no-array-index-key
      <Prose key={at} text={part} />
    ),
  );
}
