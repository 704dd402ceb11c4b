import { Suspense, lazy } from 'react';
import { Navigate, Route, Routes } from 'react-router';

import { HomePage } from './pages/home/HomePage';
import { NotFoundPage } from './pages/not-found/NotFoundPage';
import { Shell } from './shell/Shell';
import { Loading } from './show/Loading';

const SignInPage = lazy(() => import('./pages/sign-in/SignInPage'));
const RunbooksPage = lazy(() => import('./pages/runbooks/RunbooksPage'));
const RunbookPage = lazy(() => import('./pages/runbook/RunbookPage'));
const RunsPage = lazy(() => import('./pages/runs/RunsPage'));
const RunPage = lazy(() => import('./pages/run/RunPage'));
const SchedulesPage = lazy(() => import('./pages/schedules/SchedulesPage'));
const SchedulePage = lazy(() => import('./pages/schedule/SchedulePage'));
const InventoriesPage = lazy(() => import('./pages/inventories/InventoriesPage'));
const InventoryPage = lazy(() => import('./pages/inventory/InventoryPage'));
const ServicesPage = lazy(() => import('./pages/services/ServicesPage'));
const ServicePage = lazy(() => import('./pages/service/ServicePage'));
const TeamPage = lazy(() => import('./pages/team/TeamPage'));
const TokensPage = lazy(() => import('./pages/tokens/TokensPage'));

export function Routing() {
  return (
    <Suspense fallback={<Loading />}>
      <Routes>
        <Route path="/sign-in" element={<SignInPage />} />
        <Route element={<Shell />}>
          <Route index element={<HomePage />} />
          <Route path="p/:project">
            <Route index element={<Navigate to="runbooks" replace />} />
            <Route path="services" element={<ServicesPage />} />
            <Route path="services/:service" element={<ServicePage />} />
            <Route path="teams/:team" element={<TeamPage />} />
            <Route path="runbooks" element={<RunbooksPage />} />
            <Route path="runbooks/:runbook" element={<RunbookPage />} />
            <Route path="runs" element={<RunsPage />} />
            <Route path="runs/:run" element={<RunPage />} />
            <Route path="schedules" element={<SchedulesPage />} />
            <Route path="schedules/:schedule" element={<SchedulePage />} />
            <Route path="inventories" element={<InventoriesPage />} />
            <Route path="inventories/:inventory" element={<InventoryPage />} />
          </Route>
          <Route path="tokens" element={<TokensPage />} />
          <Route path="*" element={<NotFoundPage />} />
        </Route>
      </Routes>
    </Suspense>
  );
}
