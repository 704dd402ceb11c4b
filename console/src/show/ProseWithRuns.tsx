import { Link } from 'react-router';

import { Moment } from './Moments';
import { Prose } from './Prose';

const RUN_ID = '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}';
const MOMENT = String.raw`\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z| UTC)`;
const NAMED = new RegExp(`(${RUN_ID}|${MOMENT})`);

/** A sentence of the server about runs: each that is named leads to its page, and moments are in the reader's zone. */
export function ProseWithRuns({ text, project }: { text: string; project: string }) {
  return text.split(NAMED).map((part, at) => {
    // Parts of a fixed text have no other name than their place.
    const key = `${at}`;
    if (at % 2 === 0) {
      return <Prose key={key} text={part} />;
    }
    return /(?:Z|UTC)$/.test(part) ? (
      <Moment key={key} at={part.replace(' UTC', 'Z').replace(' ', 'T')} />
    ) : (
      <Link key={key} to={`/p/${encodeURIComponent(project)}/runs/${part}`} title={part}>
        {part.slice(-12)}
      </Link>
    );
  });
}
