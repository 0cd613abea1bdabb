/** Titles of the commonest problems in German; the codes are the same in all languages. */
export const german = {
  'auth.code_invalid': 'Der Code ist ungültig',
  'auth.credentials_invalid': 'Adresse oder Passwort ist falsch',
  'auth.forbidden': 'Nicht erlaubt',
  'auth.password_rejected': 'Passwort nicht angenommen',
  'auth.single_use_invalid': 'Der Link ist ungültig oder abgelaufen',
  'auth.token_invalid': 'Nicht angemeldet',
  'auth.token_missing': 'Nicht angemeldet',
  'auth.too_many_attempts': 'Zu viele Versuche',
  'http.route_not_found': 'Nicht gefunden',
  'middleware.rate_limited': 'Zu viele Anfragen',
  'users.email_taken': 'Die Adresse ist vergeben',
  'users.not_found': 'Kein solcher Benutzer',
};
