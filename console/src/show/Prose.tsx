import { VisibleText } from './VisibleText';

/** A sentence of the server: what stands in backticks is a name. */
export function Prose({ text }: { text: string }) {
  return text.split(/`([^`\n]+)`/).map((part, at) =>
    at % 2 === 1 ? (
      // Parts of a fixed text have no other name than their place.
      // oxlint-disable-next-line react/no-array-index-key
      <code key={at}>
        <VisibleText text={part} />
      </code>
    ) : (
      // oxlint-disable-next-line react/no-array-index-key
      <VisibleText key={at} text={part} />
    ),
  );
}
