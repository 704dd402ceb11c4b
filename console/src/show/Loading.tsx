import { Bullseye, Spinner } from '@patternfly/react-core';

export function Loading() {
  return (
    <Bullseye className="sb-loading">
      <Spinner size="lg" aria-label="Loading" />
    </Bullseye>
  );
}
