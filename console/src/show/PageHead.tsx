import { PageSection, Title } from '@patternfly/react-core';
import type { ReactNode } from 'react';
import { Link } from 'react-router';

interface PageHeadProps {
  title: ReactNode;
  /** Where this page hangs. */
  above?: { to: string; name: string; here: string };
  /** Small facts beneath the title. */
  facts?: ReactNode;
  /** Beside the title. */
  beside?: ReactNode;
  actions?: ReactNode;
}

export function PageHead({ title, above, facts, beside, actions }: PageHeadProps) {
  return (
    <PageSection className="sb-head" variant="default">
      {above && (
        <nav aria-label="Breadcrumb" className="sb-above">
          <Link to={above.to}>{above.name}</Link>
          <span aria-hidden="true">/</span>
          <code>{above.here}</code>
        </nav>
      )}
      <div className="sb-head-row">
        <div className="sb-head-title">
          <Title headingLevel="h1" size="2xl">
            {title}
          </Title>
          {beside}
        </div>
        {actions && <div className="sb-head-actions">{actions}</div>}
      </div>
      {facts && <div className="sb-facts">{facts}</div>}
    </PageSection>
  );
}
