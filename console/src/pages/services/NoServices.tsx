import { EmptyState, EmptyStateBody } from '@patternfly/react-core';

import { Command } from '../../show/Command';

const EXAMPLE = `kind: Service
name: shop
title: Shop
environments: [production]
---
kind: Runbook
name: check-shop
probe: {service: shop, every: 30s}
steps:
  - {check: {http: 'https://shop.example/health', within: 5s}}`;

export function NoServices({ project }: { project: string }) {
  const flag = project === 'default' ? '' : ` --project ${project}`;
  return (
    <EmptyState headingLevel="h2" titleText="No service yet" variant="lg">
      <EmptyStateBody>
        <p>
          A service is what people depend on. A <em>probe</em>, a runbook that only reads, says whether it is well.
          Write both beside your runbooks:
        </p>
        <pre className="sb-example">{EXAMPLE}</pre>
        <p>and send them here with</p>
        <Command text={`signalbox apply .${flag}`} />
      </EmptyStateBody>
    </EmptyState>
  );
}
