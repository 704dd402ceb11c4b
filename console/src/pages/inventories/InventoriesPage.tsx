import { EmptyState, EmptyStateBody, PageSection } from '@patternfly/react-core';
import { Table, Tbody, Td, Th, Thead, Tr } from '@patternfly/react-table';
import { useQuery } from '@tanstack/react-query';
import { Link, useParams } from 'react-router';

import { inventoriesQuery } from '../../api/queries';
import type { InventorySummary } from '../../api/shapes';
import { Loading } from '../../show/Loading';
import { Ago } from '../../show/Moments';
import { PageHead } from '../../show/PageHead';
import { Trouble } from '../../show/Trouble';
import { useFiltered } from '../../show/useFiltered';
import { usePageTitle } from '../../show/usePageTitle';
import { VisibleText } from '../../show/VisibleText';

const EXAMPLE = `kind: Inventory
name: shop
targets:
  - name: web1
    address: web1.shop.example
    environment: staging
    labels: {role: web}`;

function wordsOf(inventory: InventorySummary) {
  return [inventory.name, inventory.title, inventory.description];
}

function None() {
  return (
    <EmptyState headingLevel="h2" titleText="No inventory yet" variant="lg">
      <EmptyStateBody>
        <p>An inventory names the targets that steps act on. Write one beside your runbooks and apply it:</p>
        <pre className="sb-example">{EXAMPLE}</pre>
        <p>
          A step then says <code>on: {'{inventory: shop, where: {role: web}}'}</code>.
        </p>
      </EmptyStateBody>
    </EmptyState>
  );
}

export default function InventoriesPage() {
  usePageTitle('Inventories');
  const { project = '' } = useParams();
  const { data: inventories, error, refetch } = useQuery(inventoriesQuery(project));
  const { text, shown, field } = useFiltered(inventories, wordsOf, 'Filter inventories');
  if (inventories === undefined) {
    return error === null ? <Loading /> : <Trouble error={error} retry={() => void refetch()} />;
  }
  return (
    <>
      <PageHead title="Inventories" actions={field} />
      <PageSection isFilled className="sb-body">
        {inventories.length === 0 ? (
          <None />
        ) : shown.length === 0 ? (
          <p className="sb-none">No inventory has “{text}” in its name, title or description.</p>
        ) : (
          <Table aria-label="Inventories" variant="compact" gridBreakPoint="" className="sb-table">
            <Thead>
              <Tr>
                <Th width={60}>Inventory</Th>
                <Th className="sb-number">Targets</Th>
                <Th>Published</Th>
              </Tr>
            </Thead>
            <Tbody>
              {shown.map((inventory) => (
                <Tr key={inventory.name}>
                  <Td dataLabel="Inventory" className="sb-cell-main">
                    <Link to={`/p/${encodeURIComponent(project)}/inventories/${encodeURIComponent(inventory.name)}`}>
                      <VisibleText text={inventory.title ?? inventory.name} />
                    </Link>{' '}
                    {inventory.title && <code className="sb-name">{inventory.name}</code>}
                  </Td>
                  <Td dataLabel="Targets" className="sb-number">
                    {inventory.targets.toLocaleString('en')}
                  </Td>
                  <Td dataLabel="Published">
                    <Ago at={inventory.published_at} />
                  </Td>
                </Tr>
              ))}
            </Tbody>
          </Table>
        )}
      </PageSection>
    </>
  );
}
