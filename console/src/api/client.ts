import createClient from 'openapi-fetch';

import { learnClock } from '../live/clock';
import { serverAnswered, serverLost } from '../live/connection';
import type { paths } from '../api';
import { NoAnswerError, ProblemError, toProblem } from './problem';

/** An answer, whatever it says, or a `NoAnswerError`. */
export async function fetchOrNoAnswer(request: Request): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(request);
  } catch (cause) {
    if (request.signal.aborted) {
      throw cause;
    }
    serverLost();
    throw new NoAnswerError(cause);
  }
  // A proxy in front of a stopped server answers for it.
  if (![502, 503, 504].includes(response.status)) {
    serverAnswered();
  }
  learnClock(response.headers.get('date'), Date.now());
  return response;
}

export const api = createClient<paths>({ baseUrl: window.location.origin, fetch: fetchOrNoAnswer });

interface Answer<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/** What was asked for, or a `ProblemError`. */
export async function answer<T>(pending: Promise<Answer<T>>): Promise<T> {
  const { data, error, response } = await pending;
  if (!response.ok) {
    throw new ProblemError(toProblem(response.status, error, response.headers.get('x-request-id')));
  }
  return data as T;
}
