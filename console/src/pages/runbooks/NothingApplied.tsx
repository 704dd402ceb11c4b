import { EmptyState, EmptyStateBody } from '@patternfly/react-core';

import { Command } from '../../show/Command';

export function NothingApplied({ project }: { project: string }) {
  const flag = project === 'default' ? '' : ` --project ${project}`;
  return (
    <EmptyState headingLevel="h2" titleText="No runbooks yet" variant="lg">
      <EmptyStateBody>
        <p>Runbooks are text in a folder of yours. Send them here with</p>
        <Command text={`signalbox apply examples/storefront${flag}`} />
        <p>
          or begin with one file: <code>signalbox schema runbook</code> tells your editor what it may hold.
        </p>
      </EmptyStateBody>
    </EmptyState>
  );
}
