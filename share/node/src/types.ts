/** Tokens that a run used. */
export interface Usage {
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly cacheCreationTokens?: number;
  readonly cacheReadTokens?: number;
}

export interface SchemaWarning {
  readonly provider: string;
  readonly path: string;
  readonly message: string;
}

export interface SourceHealthSnapshot {
  readonly state: string;
  readonly invalidRatio: number;
  readonly invalidCount: number;
  readonly totalCount: number;
  readonly failureStreak: number;
  readonly handshakeFailed: boolean;
}

export interface SkillQuarantineDiagnostic {
  readonly sourceUuid: string;
  readonly skillId: string;
  readonly location: string;
  readonly errorCode: string;
  readonly errorClass: string;
  readonly message: string;
  readonly firstSeenUnixSecs: number;
  readonly lastSeenUnixSecs: number;
}

export interface SkillRuntimeDiagnostics {
  readonly sourceHealth: SourceHealthSnapshot;
  readonly quarantined: readonly SkillQuarantineDiagnostic[];
}

/** What a turn came to. */
export interface RunResult {
  readonly sessionId: string;
  readonly sessionRef?: string;
  readonly text: string;
  readonly turns: number;
  readonly toolCalls: number;
  readonly usage: Usage;
  readonly structuredOutput?: unknown;
  readonly schemaWarnings?: readonly SchemaWarning[];
  readonly skillDiagnostics?: SkillRuntimeDiagnostics;
}

/** A session in a list; the times are RFC 3339. */
export interface SessionInfo {
  readonly sessionId: string;
  readonly sessionRef?: string;
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly messageCount: number;
  readonly totalTokens: number;
  readonly isActive: boolean;
  readonly labels?: Readonly<Record<string, string>>;
}

/** One session as `session/read` tells it. */
export interface SessionState extends SessionInfo {
  readonly model: string;
  readonly provider: string;
  readonly lastAssistantText?: string;
}

/** A message of a transcript, its members by role. */
export interface HistoryMessage {
  readonly role: string;
  /** system, user, assistant: what was said; system_notice: its body. */
  readonly content?: string | readonly ContentBlock[];
  readonly kind?: string;
  readonly blocks?: readonly AssistantBlock[];
  readonly toolCalls?: readonly ToolCall[];
  readonly stopReason?: string;
  readonly results?: readonly ToolResult[];
}

export interface AssistantBlock {
  readonly blockType: string;
  readonly data?: Readonly<Record<string, unknown>>;
}

export interface ToolCall {
  readonly id: string;
  readonly name: string;
  readonly args: unknown;
}

export interface ToolResult {
  readonly toolUseId: string;
  readonly content: string | readonly ContentBlock[];
  readonly isError: boolean;
}

export interface SessionHistory {
  readonly sessionId: string;
  readonly sessionRef?: string;
  readonly messageCount: number;
  readonly offset: number;
  readonly limit?: number;
  readonly hasMore: boolean;
  readonly messages: readonly HistoryMessage[];
}

export interface Capability {
  readonly id: string;
  readonly description: string;
  /** `Available`, `DisabledByPolicy`, `NotCompiled`, ... */
  readonly status: string;
}

export type ContentBlock =
  | { readonly type: "text"; readonly text: string }
  | {
      readonly type: "image";
      readonly media_type: string;
      readonly data: string;
      readonly source?: "inline";
    }
  | {
      readonly type: "image";
      readonly media_type: string;
      readonly source: "blob";
      readonly blob_id: string;
    }
  | {
      readonly type: "video";
      readonly media_type: string;
      readonly duration_ms: number;
      readonly data: string;
      readonly source?: "inline";
    };

/** A prompt: text, or text and media in order. */
export type ContentInput = string | readonly ContentBlock[];

export interface SkillKey {
  readonly sourceUuid: string;
  readonly skillName: string;
}

/** A key, or (deprecated) `<source_uuid>/<skill_name>`. */
export type SkillRef = SkillKey | string;

export interface BudgetLimits {
  readonly maxTokens?: number;
  readonly maxDuration?: { readonly secs: number; readonly nanos: number };
  readonly maxToolCalls?: number;
}

export interface PeerMeta {
  readonly description?: string;
  readonly labels?: Readonly<Record<string, string>>;
}

/** What a tool is called with, and what it answers: text, or JSON of it. */
export type ToolHandler = (args: Record<string, unknown>) => unknown;

export interface ToolDefinition {
  readonly name: string;
  readonly description: string;
  readonly inputSchema: Readonly<Record<string, unknown>>;
}

/** What `turn()`, `stream()` and `startTurn()` take. */
export interface TurnOptions {
  readonly skillRefs?: readonly SkillRef[];
  readonly skillReferences?: readonly string[];
  readonly flowToolOverlay?: {
    readonly allowedTools?: readonly string[] | null;
    readonly blockedTools?: readonly string[] | null;
  };
  readonly additionalInstructions?: readonly string[];
  readonly keepAlive?: boolean;
  readonly model?: string;
  readonly provider?: string;
  readonly providerParams?: Readonly<Record<string, unknown>>;
}

/** The first turn of a deferred session may still set what building it needs. */
export interface DeferredTurnOptions extends TurnOptions {
  readonly maxTokens?: number;
  readonly systemPrompt?: string;
  readonly outputSchema?: Readonly<Record<string, unknown>>;
  readonly structuredOutputRetries?: number;
}

/** What a session is made with. */
export interface SessionOptions {
  readonly model?: string;
  readonly provider?: string;
  readonly systemPrompt?: string;
  readonly maxTokens?: number;
  readonly outputSchema?: Readonly<Record<string, unknown>>;
  readonly structuredOutputRetries?: number;
  readonly hooksOverride?: Readonly<Record<string, unknown>>;
  readonly enableBuiltins?: boolean;
  readonly enableShell?: boolean;
  readonly enableMemory?: boolean;
  readonly enableMob?: boolean;
  readonly keepAlive?: boolean;
  readonly commsName?: string;
  readonly peerMeta?: PeerMeta;
  readonly budgetLimits?: BudgetLimits;
  readonly providerParams?: Readonly<Record<string, unknown>>;
  readonly preloadSkills?: readonly string[];
  readonly skillRefs?: readonly SkillRef[];
  readonly skillReferences?: readonly string[];
  readonly labels?: Readonly<Record<string, string>>;
  readonly additionalInstructions?: readonly string[];
  readonly appContext?: unknown;
  readonly shellEnv?: Readonly<Record<string, string>>;
  readonly externalTools?: readonly ToolDefinition[];
}

export interface ConnectOptions {
  /** Join or make this realm; without it the server makes one of its own. */
  readonly realmId?: string;
  readonly instanceId?: string;
  readonly realmBackend?: string;
  /** A new realm for this client; not together with `realmId`. */
  readonly isolated?: boolean;
  readonly stateRoot?: string;
  readonly contextRoot?: string;
  readonly userConfigRoot?: string;
}

export interface ClientOptions {
  /** How long `connect()` may take; 30 s. */
  readonly connectTimeoutMs?: number;
  /** How long a call may take that runs no turn; 60 s. */
  readonly requestTimeoutMs?: number;
}

export interface ListOptions {
  readonly labels?: Readonly<Record<string, string>>;
  readonly limit?: number;
  readonly offset?: number;
}

export interface HistoryOptions {
  readonly offset?: number;
  readonly limit?: number;
}

export interface GenerationOptions {
  /** Refuse if the configuration is no longer of this generation. */
  readonly expectedGeneration?: number;
}

/** `config` is the server's own document, names as they stand in it. */
export interface ConfigEnvelope {
  readonly config: Readonly<Record<string, unknown>>;
  readonly generation: number;
  readonly realmId: string | null;
  readonly instanceId: string | null;
  readonly backend: string | null;
  readonly resolvedPaths?: Readonly<Record<string, string>>;
}

export interface InjectContextOptions {
  readonly source?: string;
  readonly idempotencyKey?: string;
}

export interface ExternalEventOptions {
  readonly source?: string;
  readonly idempotencyKey?: string;
}

/** What became of something handed in from outside. */
export interface AcceptOutcome {
  readonly outcomeType: string;
  readonly inputId?: string;
  readonly existingId?: string;
  readonly [member: string]: unknown;
}

export interface BlobPayload {
  readonly blobId: string;
  readonly mediaType: string;
  /** Base64. */
  readonly data: string;
}

export interface ModelInfo {
  readonly id: string;
  readonly displayName: string;
  readonly tier: string;
  readonly contextWindow?: number;
  readonly maxOutputTokens?: number;
  readonly serverId?: string;
  readonly profile?: Readonly<Record<string, unknown>>;
}

export interface ModelProvider {
  readonly provider: string;
  readonly defaultModelId: string;
  readonly models: readonly ModelInfo[];
}

export interface ModelsCatalog {
  readonly providers: readonly ModelProvider[];
}

export interface SkillInfo {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly scope: string;
  readonly source?: string;
  readonly isActive: boolean;
  readonly shadowedBy?: string;
}

export interface SkillDetails {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly scope: string;
  readonly source?: string;
  readonly body: string;
}

/** A comms command; names in camelCase or as on the wire. */
export interface CommsCommand {
  readonly kind: "input" | "peer_message" | "peer_request" | "peer_response" | (string & {});
  readonly to?: string;
  readonly body?: string;
  readonly [member: string]: unknown;
}

export interface CommsReceipt {
  readonly kind: string;
  readonly interactionId?: string;
  readonly envelopeId?: string;
  readonly requestId?: string;
  readonly inReplyTo?: string;
  readonly inputId?: string;
  readonly acked?: boolean;
  /** "accepted": on disk here, on its way; "delivered": on disk with the receiver. */
  readonly delivery?: string;
}

export interface Peer {
  readonly name: string;
  readonly peerId: string;
  readonly address: string;
  readonly source: string;
  readonly sendableKinds: readonly string[];
  readonly capabilities?: unknown;
  readonly reachability: string;
  readonly lastUnreachableReason?: string | null;
  readonly meta?: PeerMeta;
}

// ---- mobs ----

export type MobLifecycleAction = "stop" | "resume" | "complete" | "reset" | "destroy";

/** `Creating`, `Running`, `Stopped`, `Completed`, `Destroyed`. */
export type MobStatus = string;

/** A mob's definition; names in camelCase or as on the wire. */
export interface MobDefinition {
  readonly id: string;
  readonly profiles?: Readonly<Record<string, unknown>>;
  readonly [member: string]: unknown;
}

export type CreateMobOptions =
  | { readonly definition: MobDefinition }
  | { readonly prefab: string };

export interface MobSummary {
  readonly mobId: string;
  readonly status: MobStatus;
}

export interface SpawnSpec {
  readonly profile: string;
  readonly meerkatId: string;
  readonly initialMessage?: ContentInput;
  readonly runtimeMode?: "autonomous_host" | "turn_driven";
  readonly backend?: "session" | "external";
  readonly resumeSessionId?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly context?: unknown;
  readonly additionalInstructions?: readonly string[];
}

export type MemberRef =
  | { readonly kind: "session"; readonly sessionId: string }
  | {
      readonly kind: "backend_peer";
      readonly peerId: string;
      readonly address: string;
      readonly sessionId?: string;
    };

export interface SpawnResult {
  readonly mobId: string;
  readonly meerkatId: string;
  readonly memberRef: MemberRef;
  readonly sessionId?: string | null;
}

export interface SpawnManyResult {
  readonly ok: boolean;
  readonly memberRef?: MemberRef;
  readonly sessionId?: string;
  readonly error?: string;
}

export interface MobMember {
  readonly meerkatId: string;
  readonly profile: string;
  readonly memberRef?: MemberRef;
  readonly runtimeMode?: string;
  readonly peerId?: string;
  readonly state?: string;
  readonly wiredTo: readonly string[];
  readonly labels?: Readonly<Record<string, string>>;
  readonly status: string;
  readonly error?: string;
  readonly isFinal: boolean;
  readonly currentSessionId?: string;
}

export interface MemberSnapshot {
  readonly meerkatId?: string;
  readonly status: string;
  readonly outputPreview?: string | null;
  readonly error?: string | null;
  readonly tokensUsed: number;
  readonly isFinal: boolean;
  readonly currentSessionId?: string | null;
}

export interface MemberSendOptions {
  readonly handlingMode?: "queue" | "steer";
  readonly renderMetadata?: { readonly class: string; readonly salience?: string };
}

export interface MemberDelivery {
  readonly mobId: string;
  readonly memberId: string;
  readonly sessionId: string;
  readonly handlingMode: string;
}

export interface RespawnResult {
  readonly status: string;
  readonly receipt: {
    readonly memberId: string;
    readonly oldSessionId?: string | null;
    readonly newSessionId?: string | null;
  };
  readonly failedPeerIds?: readonly string[];
}

export type MobPeer =
  | string
  | { readonly local: string }
  | {
      readonly external: {
        readonly name: string;
        readonly peerId: string;
        readonly address: string;
      };
    };

export interface MobFlowStatus {
  readonly run: Readonly<Record<string, unknown>> | null;
}

export interface HelperOptions {
  readonly meerkatId?: string;
  readonly roleName?: string;
  readonly runtimeMode?: "autonomous_host" | "turn_driven";
  readonly backend?: "session" | "external";
}

export interface ForkOptions extends HelperOptions {
  readonly forkContext?:
    | { readonly type: "full_history" }
    | { readonly type: "last_messages"; readonly count: number };
}

export interface HelperResult {
  readonly output?: string | null;
  readonly tokensUsed: number;
  readonly sessionId?: string | null;
}

export interface MobEvent {
  readonly cursor: number;
  readonly timestamp: string;
  readonly mobId: string;
  readonly kind: { readonly type: string; readonly [member: string]: unknown };
}
