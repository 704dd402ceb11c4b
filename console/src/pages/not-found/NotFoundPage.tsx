import { EmptyState, EmptyStateActions, EmptyStateBody, EmptyStateFooter, PageSection } from '@patternfly/react-core';

import { LinkButton } from '../../show/LinkButton';
import { usePageTitle } from '../../show/usePageTitle';

export function NotFoundPage() {
  usePageTitle('Not found');
  return (
    <PageSection isFilled>
      <EmptyState headingLevel="h1" titleText="There is nothing at this address" variant="lg">
        <EmptyStateBody>A link may be old, or a letter is missing.</EmptyStateBody>
        <EmptyStateFooter>
          <EmptyStateActions>
            <LinkButton to="/" variant="secondary">
              To the runbooks
            </LinkButton>
          </EmptyStateActions>
        </EmptyStateFooter>
      </EmptyState>
    </PageSection>
  );
}
