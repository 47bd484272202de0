/** What we use of the stock Web Chat's one global, `WebChat` (botframework-webchat 4.18). */

interface WebChatAction {
  readonly type: string;
  readonly payload?: unknown;
}

interface WebChatStore {
  dispatch(action: WebChatAction): void;
}

type WebChatMiddleware = () => (next: (action: WebChatAction) => unknown) => (action: WebChatAction) => unknown;

interface Observable<T> {
  subscribe(next: (value: T) => void, error?: (reason: unknown) => void): { unsubscribe(): void };
}

interface DirectLine {
  readonly connectionStatus$: Observable<number>;
  postActivity(activity: Record<string, unknown>): Observable<string>;
  end(): void;
}

interface DirectLineOptions {
  readonly token: string;
  readonly domain: string;
  readonly conversationId?: string;
  readonly watermark?: string;
}

interface WebChatProps {
  readonly directLine: DirectLine;
  readonly store: WebChatStore;
  readonly userID: string;
  readonly locale: string;
  readonly nonce: string;
  readonly role: string;
  readonly styleOptions: Readonly<Record<string, string | number | boolean>>;
}

// A global of a script that stands before ours, hence no import.
declare const WebChat:
  | {
      createDirectLine(options: DirectLineOptions): DirectLine;
      createStore(state: Record<string, never>, middleware: WebChatMiddleware): WebChatStore;
      renderWebChat(props: WebChatProps, element: HTMLElement): void;
    }
  | undefined;
