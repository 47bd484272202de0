/** How the stock Web Chat looks on our page. The colours are those of `pages/usher.css`. */

interface Palette {
  readonly ground: string;
  readonly bubble: string;
  readonly own: string;
  readonly ownInk: string;
  readonly ink: string;
  readonly muted: string;
  readonly line: string;
  readonly accent: string;
  readonly accentInk: string;
}

const LIGHT: Palette = {
  ground: '#ffffff', bubble: '#f0f3f5', own: '#12657a', ownInk: '#ffffff', ink: '#18222c',
  muted: '#56636f', line: '#d8dfe4', accent: '#12657a', accentInk: '#ffffff',
};
const DARK: Palette = {
  ground: '#171e25', bubble: '#232d36', own: '#1c6d82', ownInk: '#ffffff', ink: '#e9eef2',
  muted: '#a2b0bb', line: '#36434e', accent: '#7cc9dd', accentInk: '#0e1a20',
};

const dark = window.matchMedia('(prefers-color-scheme: dark)');

/** Calls `again` whenever the person's colour scheme changes. */
export function onSchemeChange(again: () => void): void {
  dark.addEventListener('change', again);
}

/** Web Chat's style options for the present colour scheme. */
export function styleOptions(hideSendBox: boolean): Record<string, string | number | boolean> {
  const { ground, bubble, own, ownInk, ink, muted, line, accent, accentInk } = dark.matches ? DARK : LIGHT;
  return {
    hideSendBox,
    hideUploadButton: true,
    rootHeight: '100%',
    rootWidth: '100%',
    primaryFont: 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif',
    accent,
    subtle: muted,
    backgroundColor: ground,
    paddingRegular: 14,
    bubbleBackground: bubble,
    bubbleBorderColor: bubble,
    bubbleBorderRadius: 14,
    bubbleTextColor: ink,
    bubbleMaxWidth: 460,
    bubbleMinWidth: 60,
    bubbleFromUserBackground: own,
    bubbleFromUserBorderColor: own,
    bubbleFromUserBorderRadius: 14,
    bubbleFromUserTextColor: ownInk,
    timestampColor: muted,
    cardEmphasisBackgroundColor: bubble,
    cardPushButtonBackgroundColor: accent,
    cardPushButtonTextColor: accentInk,
    suggestedActionBackgroundColor: ground,
    suggestedActionBorderColor: accent,
    suggestedActionBorderRadius: 18,
    suggestedActionTextColor: accent,
    suggestedActionBackgroundColorOnHover: bubble,
    suggestedActionLayout: 'flow',
    sendBoxBackground: ground,
    sendBoxTextColor: ink,
    sendBoxPlaceholderColor: muted,
    sendBoxButtonColor: accent,
    sendBoxButtonColorOnFocus: accent,
    sendBoxButtonColorOnHover: accent,
    sendBoxBorderTop: `solid 1px ${line}`,
    sendBoxHeight: 52,
    transcriptTerminatorBackgroundColor: line,
    transcriptTerminatorColor: ink,
    connectivityTextSize: '85%',
    notificationText: ink,
    toastInfoBackgroundColor: bubble,
    toastInfoColor: ink,
  };
}
