import { Button } from '@patternfly/react-core';
import { useEffect, useState } from 'react';

import { copyText } from './copyText';
import { Icon } from './Icon';

export function CopyButton({ text, label }: { text: string; label: string }) {
  const [said, setSaid] = useState<'copied' | 'failed' | null>(null);
  useEffect(() => {
    if (said !== null) {
      const timer = setTimeout(() => setSaid(null), 2000);
      return () => clearTimeout(timer);
    }
    return undefined;
  }, [said]);
  return (
    <span className="sb-copy">
      <Button
        variant="plain"
        size="sm"
        aria-label={label}
        title={label}
        icon={<Icon name={said === 'copied' ? 'check' : 'copy'} />}
        onClick={() => void copyText(text).then((done) => setSaid(done ? 'copied' : 'failed'))}
      />
      <span role="status" className="pf-v6-screen-reader">
        {said === 'copied' ? 'Copied' : said === 'failed' ? 'Could not copy' : ''}
      </span>
    </span>
  );
}
