import { CopyButton } from './CopyButton';

/** A command line to copy. */
export function Command({ text }: { text: string }) {
  return (
    <div className="sb-command">
      <code>{text}</code>
      <CopyButton text={text} label="Copy the command" />
    </div>
  );
}
