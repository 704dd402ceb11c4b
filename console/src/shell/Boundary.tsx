import { Component, type ReactNode } from 'react';

import { Trouble } from '../show/Trouble';

interface State {
  error: unknown;
}

/** A fault in one page leaves the others usable. */
export class Boundary extends Component<{ children: ReactNode }, State> {
  override state: State = { error: null };

  static getDerivedStateFromError(error: unknown): State {
    return { error };
  }

  override render(): ReactNode {
    return this.state.error === null ? (
      this.props.children
    ) : (
      <Trouble error={this.state.error} retry={() => window.location.reload()} />
    );
  }
}
