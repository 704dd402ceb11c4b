import type { components } from '../api';

type Schemas = components['schemas'];

export type Changed = Schemas['Changed'];
export type Collected = Schemas['Collected'];
export type HealthDifference = Schemas['HealthDifference'];
export type PairView = Schemas['PairView'];
/** A service in one of its environments. */
export type Place = Schemas['RunService'];
export type Snapshot = Schemas['Snapshot'];
export type VerifyView = Schemas['VerifyView'];
