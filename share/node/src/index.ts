export { MeerkatClient } from "./client.js";
export {
  CapabilityUnavailableError, MeerkatError, SessionNotFoundError, SkillNotFoundError,
  type CapabilityHint,
} from "./errors.js";
export {
  isRunCompleted, isRunFailed, isRunStarted, isTextComplete, isTextDelta,
  isToolCallRequested, isToolExecutionCompleted, isToolResultReceived,
  isTurnCompleted, isTurnStarted, isUnknownEvent,
} from "./events.js";
export type * from "./events.js";
export { Member, Mob } from "./mob.js";
export { DeferredSession, Session } from "./session.js";
export { EventStream, EventSubscription } from "./stream.js";
export type * from "./types.js";
export { CONTRACT_VERSION } from "./version.js";
