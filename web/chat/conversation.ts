/** Asks our server for this browser's conversation. */
import type { Skew } from '../shared/countdown';

export interface Place {
  /** Path or origin in front of every address of ours; mostly empty. */
  readonly base: string;
  readonly organization: string;
  readonly agent: string;
}

export interface Conversation {
  readonly directLine: DirectLineOptions;
  readonly userId: string;
  readonly skew: Skew;
}

/**
 * Resumes the conversation that belongs to this browser's cookie, or begins a new one.
 *
 * Throws when the server cannot be reached or does not answer 200; the page then offers to try again.
 */
export async function openConversation(place: Place, fresh: boolean): Promise<Conversation> {
  const { base, organization, agent } = place;
  const path = `${base}/chat/${encodeURIComponent(organization)}/${encodeURIComponent(agent)}/conversation`;
  const response = await fetch(path + window.location.search, {
    method: 'POST',
    credentials: 'same-origin',
    headers: { 'content-type': 'application/json', 'x-usher': '1' },
    body: JSON.stringify({ fresh }),
  });
  if (!response.ok) throw new Error(`the server answered ${response.status}`);
  return read((await response.json()) as Answer, base, skewOf(response));
}

interface Answer {
  readonly token: string;
  /** `null` for a conversation that the client has yet to start. */
  readonly conversation_id: string | null;
  readonly user_id: string;
  /** Where the replay begins; `null` for all of it. */
  readonly watermark: string | null;
}

function read(answer: Answer, base: string, skew: Skew): Conversation {
  const domain = new URL(`${base}/v3/directline`, window.location.href).href;
  return {
    directLine: {
      token: answer.token,
      domain,
      ...(answer.conversation_id && { conversationId: answer.conversation_id }),
      ...(answer.watermark && { watermark: answer.watermark }),
    },
    userId: answer.user_id,
    skew,
  };
}

/** From the `Date` header. It is cut to the second: its end counts, so no countdown promises too much. */
function skewOf(response: Response): Skew {
  const date = Date.parse(response.headers.get('date') ?? '');
  return Number.isNaN(date) ? 0 : date + 999 - Date.now();
}
