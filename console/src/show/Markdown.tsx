import type { Nodes, RootContent } from 'mdast';
import { fromMarkdown } from 'mdast-util-from-markdown';
import { Fragment, type ReactNode } from 'react';

import { VisibleText } from './VisibleText';

const SAFE_LINK = /^(https?:|mailto:)/i;
const DEEPEST = 40;

/** Most that is read as Markdown; a longer text is shown as it is. */
const LONGEST = 100_000;

function children(nodes: RootContent[], depth: number): ReactNode {
  return nodes.map((node, at) => (
    // Parts of a fixed text have no other name than their place.
    // oxlint-disable-next-line react/no-array-index-key
    <Fragment key={at}>{draw(node, depth + 1)}</Fragment>
  ));
}

/** Markdown as elements: what is HTML in it stays text, images are links, links leave only to the web and mail. */
function draw(node: Nodes, depth: number): ReactNode {
  if (depth > DEEPEST) {
    return '…';
  }
  switch (node.type) {
    case 'text':
    case 'html':
      return <VisibleText text={node.value} lines />;
    case 'paragraph':
      return <p>{children(node.children, depth)}</p>;
    case 'heading':
      return <h3>{children(node.children, depth)}</h3>;
    case 'emphasis':
      return <em>{children(node.children, depth)}</em>;
    case 'strong':
      return <strong>{children(node.children, depth)}</strong>;
    case 'inlineCode':
      return (
        <code>
          <VisibleText text={node.value} />
        </code>
      );
    case 'code':
      return (
        // The reader scrolls long lines with the keyboard too.
        // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
        <pre tabIndex={0}>
          <VisibleText text={node.value} lines />
        </pre>
      );
    case 'blockquote':
      return <blockquote>{children(node.children, depth)}</blockquote>;
    case 'list':
      return node.ordered ? (
        <ol start={node.start ?? 1}>{children(node.children, depth)}</ol>
      ) : (
        <ul>{children(node.children, depth)}</ul>
      );
    case 'listItem':
      return <li>{children(node.children, depth)}</li>;
    case 'thematicBreak':
      return <hr />;
    case 'break':
      return <br />;
    case 'link':
      return SAFE_LINK.test(node.url) ? (
        <a href={node.url} rel="noopener noreferrer" target="_blank">
          {children(node.children, depth)}
        </a>
      ) : (
        children(node.children, depth)
      );
    case 'image':
      return SAFE_LINK.test(node.url) ? (
        <a href={node.url} rel="noopener noreferrer" target="_blank">
          <VisibleText text={node.alt || node.url} />
        </a>
      ) : (
        <VisibleText text={node.alt ?? ''} />
      );
    case 'root':
      return children(node.children, depth);
    default:
      return 'children' in node ? children(node.children, depth) : null;
  }
}

export function Markdown({ text }: { text: string }) {
  return (
    <div className="sb-markdown">
      {text.length > LONGEST ? (
        <p>
          <VisibleText text={text} lines />
        </p>
      ) : (
        draw(fromMarkdown(text), 0)
      )}
    </div>
  );
}
