import { Button, PageSection, SearchInput } from '@patternfly/react-core';
import { Table, Tbody, Td, Th, Thead, Tr } from '@patternfly/react-table';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useParams, useSearchParams } from 'react-router';

import { inventoryQuery } from '../../api/queries';
import type { Target } from '../../api/shapes';
import { Loading } from '../../show/Loading';
import { Markdown } from '../../show/Markdown';
import { Ago } from '../../show/Moments';
import { PageHead } from '../../show/PageHead';
import { Trouble } from '../../show/Trouble';
import { usePageTitle } from '../../show/usePageTitle';
import { VisibleText } from '../../show/VisibleText';
import { environmentOf, hasWords, labelsOf } from './targets';

const PIECE = 200;

function TargetRow({ target, search }: { target: Target; search: (text: string) => void }) {
  return (
    <Tr>
      <Td dataLabel="Target" className="sb-cell-main">
        <strong>
          <VisibleText text={target.name} />
        </strong>
      </Td>
      <Td dataLabel="Address">
        {target.address ? (
          <code>
            <VisibleText text={target.address} />
          </code>
        ) : (
          <span className="sb-faint">–</span>
        )}
      </Td>
      <Td dataLabel="Environment">
        <VisibleText text={environmentOf(target)} />
        {!target.environment && <span className="sb-faint"> (not said)</span>}
      </Td>
      <Td dataLabel="Labels">
        {labelsOf(target).map((label) => (
          <button
            key={label}
            type="button"
            className="sb-label-button"
            title={`Show what is ${label}`}
            onClick={() => search(label)}
          >
            <VisibleText text={label} />
          </button>
        ))}
      </Td>
    </Tr>
  );
}

function Targets({ targets }: { targets: Target[] }) {
  const [query, setQuery] = useSearchParams();
  const [most, setMost] = useState(PIECE);
  const text = query.get('q') ?? '';
  const search = (value: string): void => setQuery(value === '' ? {} : { q: value }, { replace: true });
  const found = targets.filter((target) => hasWords(target, text));
  return (
    <>
      <div className="sb-filters sb-filter-words">
        <SearchInput
          className="sb-filter"
          aria-label="Filter targets"
          placeholder="Name, address, label: role=web"
          value={text}
          onChange={(_event, value) => search(value)}
          onClear={() => search('')}
          resultsCount={text.trim() === '' ? undefined : found.length}
        />
      </div>
      {targets.length === 0 ? (
        <p className="sb-none">It has no targets.</p>
      ) : found.length === 0 ? (
        <p className="sb-none">No target has “{text}” in its name, address, environment or labels.</p>
      ) : (
        <Table aria-label="Targets" variant="compact" gridBreakPoint="" className="sb-table">
          <Thead>
            <Tr>
              <Th>Target</Th>
              <Th>Address</Th>
              <Th>Environment</Th>
              <Th width={40}>Labels</Th>
            </Tr>
          </Thead>
          <Tbody>
            {found.slice(0, most).map((target) => (
              <TargetRow key={target.name} target={target} search={search} />
            ))}
          </Tbody>
        </Table>
      )}
      {found.length > most && (
        <div className="sb-more">
          <Button variant="secondary" onClick={() => setMost(most + PIECE)}>
            Show {Math.min(PIECE, found.length - most)} more of {found.length.toLocaleString('en')}
          </Button>
        </div>
      )}
    </>
  );
}

export default function InventoryPage() {
  const { project = '', inventory: name = '' } = useParams();
  const { data: view, error, refetch } = useQuery(inventoryQuery(project, name));
  usePageTitle(view?.inventory.title ?? name);
  if (view === undefined) {
    return error === null ? <Loading /> : <Trouble error={error} retry={() => void refetch()} />;
  }
  const { inventory } = view;
  return (
    <>
      <PageHead
        above={{ to: `/p/${encodeURIComponent(project)}/inventories`, name: 'Inventories', here: inventory.name }}
        title={<VisibleText text={inventory.title ?? inventory.name} />}
        facts={
          <>
            <span>
              {inventory.targets.length.toLocaleString('en')} {inventory.targets.length === 1 ? 'target' : 'targets'}
            </span>
            <span>
              version <code title={view.digest}>{view.digest.slice(0, 12)}</code>, published{' '}
              <Ago at={view.published_at} /> by <VisibleText text={view.published_by} />
            </span>
            {view.retired_at && <span className="sb-warn">retired</span>}
          </>
        }
      />
      <PageSection isFilled className="sb-body">
        {inventory.description && (
          <div className="sb-inventory-description">
            <Markdown text={inventory.description} />
          </div>
        )}
        <Targets targets={inventory.targets} />
      </PageSection>
    </>
  );
}
