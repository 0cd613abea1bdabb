// What the test process and its supervisor say to each other over the IPC channel. Types only.

/** A user to run a process as; only root can choose one. */
export interface ProcessUser {
  readonly uid: number;
  readonly gid: number;
}

/** One program to run. */
export interface Program {
  readonly file: string;
  readonly args: readonly string[];
  /** The whole environment of the program. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** Where its output is appended. */
  readonly logFile: string;
  readonly user: ProcessUser | undefined;
}

/**
 * A port nobody else of this testkit gets, and the folder that stands for it. `port` + 5000 and + 10000 belong to it.
 */
export interface Place {
  readonly port: number;
  readonly dir: string;
}

export type Command =
  /** Makes a folder and finds its port. */
  | { readonly op: 'reserve'; readonly user: ProcessUser | undefined }
  /** Starts a program that stays; the answer is its pid. An `exit` notice with the same id follows when it ends. */
  | { readonly op: 'start'; readonly program: Program }
  /** Runs a program to its end; the answer is its exit code. */
  | { readonly op: 'run'; readonly program: Program }
  /** Sends a signal to a started program alone. */
  | { readonly op: 'signal'; readonly pid: number; readonly signal: NodeJS.Signals }
  /** Sends SIGKILL, SIGSTOP or SIGCONT to a program with all its descendants; answers SIGKILL when they are gone. */
  | { readonly op: 'signalTree'; readonly pid: number; readonly signal: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT' }
  /** Removes a folder, which frees its port. */
  | { readonly op: 'release'; readonly dir: string };

export type Request = Command & { readonly id: number };

export type Notice =
  | { readonly kind: 'answer'; readonly id: number; readonly value: unknown }
  | { readonly kind: 'refusal'; readonly id: number; readonly message: string }
  | { readonly kind: 'exit'; readonly id: number; readonly code: number | null; readonly signal: string | null };
