import { Table, Tbody, Td, Th, Thead, Tr } from '@patternfly/react-table';

import type { RunbookView } from '../../api/shapes';
import { CopyButton } from '../../show/CopyButton';
import { bytes } from '../../show/time';
import { VisibleText } from '../../show/VisibleText';

/** The document as it was written, and the files that belong to it. */
export function Source({ view }: { view: RunbookView }) {
  const lines = view.text.replace(/\n$/, '').split('\n');
  return (
    <>
      <div className="sb-source-head">
        <code>{view.path}</code>
        <CopyButton text={view.text} label="Copy the document" />
      </div>
      {/* The reader scrolls long lines with the keyboard too. */}
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
      <pre className="sb-source" tabIndex={0} aria-label="The document">
        {lines.map((line, at) => (
          // Lines of a fixed text have no other name than their place.
          // oxlint-disable-next-line react/no-array-index-key
          <span key={at} className="sb-source-line">
            <VisibleText text={line} />
            {'\n'}
          </span>
        ))}
      </pre>
      {view.files.length > 0 && (
        <Table aria-label="Files" variant="compact" gridBreakPoint="" className="sb-table">
          <Thead>
            <Tr>
              <Th width={50}>File</Th>
              <Th>Mode</Th>
              <Th className="sb-number">Size</Th>
              <Th>SHA-256</Th>
            </Tr>
          </Thead>
          <Tbody>
            {view.files.map((file) => (
              <Tr key={file.path}>
                <Td dataLabel="File">
                  <code>
                    <VisibleText text={file.path} />
                  </code>
                </Td>
                <Td dataLabel="Mode">
                  <code>{file.mode}</code>
                </Td>
                <Td dataLabel="Size" className="sb-number">
                  {bytes(file.size)}
                </Td>
                <Td dataLabel="SHA-256">
                  <code title={file.sha256}>{file.sha256.slice(0, 12)}</code>
                </Td>
              </Tr>
            ))}
          </Tbody>
        </Table>
      )}
    </>
  );
}
