import type { Pause } from '../api/shapes';
import { Ago } from '../show/Moments';
import { StateGlyph } from '../show/State';
import { VisibleText } from '../show/VisibleText';

/** That it pauses: by whom, since when and why. */
export function PausedNote({ pause }: { pause: Pause }) {
  return (
    <span className="sb-paused">
      <StateGlyph state="waiting" />
      <span>
        paused by <VisibleText text={pause.by} /> <Ago at={pause.at} />
        {pause.reason && (
          <>
            : <VisibleText text={pause.reason} />
          </>
        )}
      </span>
    </span>
  );
}
