import { fromFirstWord } from '../../internal/sql/lead.ts';

/** Commands whose effect on the connection stays; of DO and CALL nobody knows what they run. */
const COMMANDS: ReadonlySet<string> = new Set([
  'SET',
  'RESET',
  'LISTEN',
  'PREPARE',
  'DECLARE',
  'LOAD',
  'DISCARD',
  'DEALLOCATE',
  'DO',
  'CALL',
]);

/** A SET of the transaction alone. */
const OF_TRANSACTION = /^set\s+(?:local|transaction)\b/i;

/** What a statement of another command may leave: temporary tables, settings by their view, and locks. */
const TRACES =
  /\bcreate\s+(?:or\s+replace\s+)?(?:(?:local|global)\s+)?temp(?:orary)?\b|\binto\s+(?:(?:local|global)\s+)?temp(?:orary)?\b|\bpg_temp\b|\bupdate\b.*\bpg_settings\b|\bpg_(?:try_)?advisory_lock(?:_shared)?\b/is;

const SETTING = /\bset_config\b/gi;
/** The end of a call that sets something for the transaction alone, as its last parameter says. */
const LOCAL_END = /,\s*(?:true|\$(\d+)(?:::bool(?:ean)?)?)\s*\)/gi;

/**
 * Whether a statement of the application's own leaves something on its connection that who has it next must not meet.
 * What a function of the application's own does in it does not show.
 *
 * @param command what the server says that it was
 */
export function leavesTraces(command: string, text: string, values: readonly unknown[]): boolean {
  if (COMMANDS.has(command)) return !OF_TRANSACTION.test(fromFirstWord(text, 'nested'));
  return TRACES.test(text) || setsForLong(text, values);
}

function setsForLong(text: string, values: readonly unknown[]): boolean {
  const calls = text.match(SETTING)?.length ?? 0;
  if (calls === 0) return false;
  let local = 0;
  for (const [, number] of text.matchAll(LOCAL_END)) {
    if (number === undefined || values[Number(number) - 1] === true) local += 1;
  }
  return local < calls || /,\s*false\s*\)/i.test(text);
}
