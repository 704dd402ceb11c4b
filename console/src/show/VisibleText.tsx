import { hasUnseen, pieces } from '../log/escape';

/** Text that somebody else wrote: what cannot be seen in it is shown as an escape. */
export function VisibleText({ text, lines = false }: { text: string; lines?: boolean }) {
  if (!hasUnseen(text)) {
    return text;
  }
  const shown = lines ? text.split('\n') : [text];
  return shown.map((line, at) => (
    // Lines of a fixed text have no other name than their place.
    // oxlint-disable-next-line react/no-array-index-key
    <span key={at}>
      {at > 0 && '\n'}
      {pieces(line).map((piece, place) =>
        piece.escape ? (
          // oxlint-disable-next-line react/no-array-index-key
          <span key={place} className="sb-escape">
            {piece.text}
          </span>
        ) : (
          piece.text
        ),
      )}
    </span>
  ));
}
