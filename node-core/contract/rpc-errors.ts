import { ORPCError } from '@orpc/client';
import { PilotError, type PilotErrorCode } from '../base/errors.ts';

const PILOT_CODE = /^[a-z]+\.[a-z-]+$/;

/** A PilotError as it crosses a process or thread: with its code and its words. Other errors are nobody's business. */
export function toRpcError(error: unknown): unknown {
  return error instanceof PilotError ? new ORPCError(error.code, { message: error.message, defined: false }) : error;
}

/** The PilotError that was sent, on the other side. */
export function fromRpcError(error: unknown): unknown {
  if (!(error instanceof ORPCError) || !PILOT_CODE.test(error.code)) return error;
  return new PilotError(error.code as PilotErrorCode, error.message, {}, { cause: error });
}
