import type { RunView } from '../../api/shapes';
import { uploadAddress } from '../../api/upload';
import { isFile } from '../../form/values';
import { CopyButton } from '../../show/CopyButton';
import { bytes } from '../../show/time';
import { VisibleText } from '../../show/VisibleText';

export function isSealed(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'sealed' in value;
}

const SHORT = 60;

function written(value: unknown): string {
  if (typeof value !== 'object') {
    return String(value);
  }
  const short = JSON.stringify(value);
  return short.length <= SHORT ? short : JSON.stringify(value, null, 2);
}

function Value({ name, value, project }: { name: string; value: unknown; project: string }) {
  if (isSealed(value)) {
    return <span className="sb-faint">sealed, never shown</span>;
  }
  if (isFile(value)) {
    return (
      <>
        <a href={uploadAddress(project, value)} download={value.name}>
          <VisibleText text={value.name} />
        </a>{' '}
        <span className="sb-faint">{bytes(value.size)}</span>
      </>
    );
  }
  const text = written(value);
  return (
    <>
      <code>
        <VisibleText text={text} lines />
      </code>
      <CopyButton text={text} label={`Copy the input ${name}`} />
    </>
  );
}

/** What a run, or a runbook that it called, was given. */
export function InputValues({ inputs, project }: { inputs: RunView['inputs']; project: string }) {
  return (
    <dl className="sb-values" aria-label="Inputs">
      {Object.entries(inputs).map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>
            <Value name={name} value={value} project={project} />
          </dd>
        </div>
      ))}
    </dl>
  );
}
