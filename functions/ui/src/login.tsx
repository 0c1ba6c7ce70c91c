/** Saying who one is, where the deployment asks for that. */

import { type Refusal, hasToken } from "./api";

export function Login({ refusal, onToken }: { refusal: Refusal; onToken: (token: string) => void }) {
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    const given = new FormData(event.currentTarget as HTMLFormElement).get("token");
    onToken(String(given).trim());
  };
  return (
    <main>
      <h1>Log in</h1>
      {hasToken() && <p role="alert" class="problem">{refusal.message}</p>}
      <form class="filters" onSubmit={submit}>
        <label>
          An API token, or what <code>ogdc-runner token</code> prints
          <input name="token" type="password" autocomplete="off" required />
        </label>
        <button type="submit">Log in</button>
      </form>
      <p>It is kept in this tab's memory until the tab is closed or loaded anew.</p>
    </main>
  );
}
