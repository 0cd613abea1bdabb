/** The theme of ReDoc for the dark: what it does not say is that for the light. */
export const REDOC_DARK = {
  colors: {
    // White can be read on it, as on buttons, and it on the dark, as links.
    primary: { main: '#4b8fe2' },
    success: { main: '#5dbb63' },
    warning: { main: '#ffb84d', dark: '#ffb84d' },
    error: { main: '#ff8a80' },
    gray: { 50: '#22272a', 100: '#2a3033' },
    text: { primary: '#e4e6e6', secondary: '#b7bcbf' },
    border: { dark: 'rgba(255, 255, 255, 0.15)', light: '#3b4449' },
    responses: { redirect: { color: '#ffb84d' }, info: { color: '#7cc4e8' } },
  },
  schema: { linesColor: '#5c6b7a', nestedBackground: '#22272a' },
  typography: { code: { color: '#ffab91', backgroundColor: 'rgba(255, 255, 255, 0.08)' } },
  sidebar: {
    backgroundColor: '#15191b',
    textColor: '#e4e6e6',
    groupItems: { activeBackgroundColor: '#2a3033' },
    level1Items: { activeBackgroundColor: '#2a3033' },
  },
  rightPanel: { backgroundColor: '#111416', servers: { url: { backgroundColor: '#22272a' } } },
  fab: { backgroundColor: '#2a3033', color: '#4b8fe2' },
} as const;

/** Colours that its theme does not reach. */
export const REDOC_DARK_CSS = `
#page { --pattern: #4db6c0; }
#page h5, #page h5 span { border-color: #5c6b7a; color: #b7bcbf; }
#page table tr { background: none; }
#page td[colspan] > div { background: #22272a; }
#page .react-tabs__tab--selected { background: #2a3033; }
`;
