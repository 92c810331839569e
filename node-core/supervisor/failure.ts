import { isFatal, PilotError, type PilotErrorCode } from '../base/errors.ts';

/** What a process of ours tells its parent before it ends for a reason it knows. */
export interface Failure {
  readonly type: 'failed';
  readonly code: PilotErrorCode;
  readonly message: string;
}

export function failureOf({ code, message }: PilotError): Failure {
  return { type: 'failed', code, message };
}

export function parseFailure(value: unknown): Failure | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { type, code, message } = value as Record<string, unknown>;
  if (type !== 'failed' || typeof code !== 'string' || typeof message !== 'string') return undefined;
  return { type, code: code as PilotErrorCode, message };
}

/** A failure that starting again would not mend. The process has said it on standard error: it need not be said again. */
export class ChildFailure extends PilotError {
  static of(role: string, failure: Failure | undefined): ChildFailure | undefined {
    if (failure === undefined || !isFatal(failure.code)) return undefined;
    return new ChildFailure(failure.code, failure.message, { role });
  }
}
