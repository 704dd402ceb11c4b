import type { Link } from '../api/shapes';
import { Icon } from './Icon';
import { VisibleText } from './VisibleText';

const SAFE_LINK = /^https?:/i;

/** Links that a document names; they leave only to the web. */
export function Links({ links }: { links: Link[] }) {
  return (
    <ul className="sb-inline-list">
      {links.map(({ title, url }) => (
        <li key={`${title} ${url}`}>
          {SAFE_LINK.test(url) ? (
            <a href={url} rel="noopener noreferrer" target="_blank">
              <VisibleText text={title} /> <Icon name="external" />
            </a>
          ) : (
            <VisibleText text={`${title} ${url}`} />
          )}
        </li>
      ))}
    </ul>
  );
}
