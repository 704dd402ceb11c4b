import { Button } from '@patternfly/react-core';
import { useEffect, useState } from 'react';

import type { RunbookView } from '../../api/shapes';
import { LONGEST, toLink } from '../../form/link';
import type { Fields } from '../../form/useFields';
import { openInputs } from '../../form/values';
import { copyText } from '../../show/copyText';
import { Icon } from '../../show/Icon';
import { Presets } from './Presets';

interface FormToolsProps {
  view: RunbookView;
  fields: Fields;
  reason: string;
}

/** Copies an address that opens this form filled in as it is now. */
function LinkTool({ view, fields, reason }: FormToolsProps) {
  const [said, setSaid] = useState('');
  useEffect(() => {
    const timer = said === '' ? undefined : setTimeout(() => setSaid(''), 6000);
    return () => clearTimeout(timer);
  }, [said]);
  const { inputs } = view.runbook;
  const left = inputs.length - openInputs(inputs).length;
  const copy = async (): Promise<void> => {
    const query = toLink(inputs, fields.values, reason).toString();
    const address = `${window.location.origin}${window.location.pathname}${query === '' ? '' : `?${query}`}`;
    if (address.length > LONGEST) {
      setSaid('These values are too long for a link. Save a preset instead.');
    } else if (await copyText(address)) {
      setSaid(left > 0 ? 'Copied, without secrets and files.' : 'Copied.');
    } else {
      setSaid(`The browser does not let the page copy: ${address}`);
    }
  };
  return (
    <>
      <Button variant="link" isInline icon={<Icon name="link" />} onClick={() => void copy()}>
        Copy link
      </Button>
      <span role="status" className="sb-faint">
        {said}
      </span>
    </>
  );
}

/** What helps to fill in the form: presets, and a link that does it. */
export function FormTools(props: FormToolsProps) {
  return openInputs(props.view.runbook.inputs).length === 0 ? null : (
    <div className="sb-form-tools">
      <Presets view={props.view} fields={props.fields} />
      <LinkTool {...props} />
    </div>
  );
}
