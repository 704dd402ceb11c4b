import { answer, fetchOrNoAnswer } from './client';
import type { UploadedFile } from './shapes';

function root(project: string): string {
  return `/api/v1/projects/${encodeURIComponent(project)}/uploads`;
}

/** Where a file that was given can be had again. */
export function uploadAddress(project: string, file: UploadedFile): string {
  return `${root(project)}/${encodeURIComponent(file.file)}`;
}

/** Gives a file to the server, which keeps it by its digest. */
export async function upload(project: string, file: File, signal?: AbortSignal): Promise<UploadedFile> {
  const address = new URL(`${root(project)}?name=${encodeURIComponent(file.name)}`, window.location.origin);
  const response = await fetchOrNoAnswer(
    new Request(address, {
      method: 'POST',
      body: file,
      headers: { 'content-type': 'application/octet-stream' },
      signal: signal ?? null,
    }),
  );
  const body: unknown = await response.json().catch(() => null);
  return answer(Promise.resolve({ data: body as UploadedFile, error: body, response }));
}
