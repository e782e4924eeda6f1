/** Where one types the token that writes need beyond loopback. */

import { TOKEN } from "../api/client";

export function Token() {
  return (
    <label>
      <span class="label">Token of THEWALL_API_TOKEN, kept in this tab alone</span>
      <input
        type="password"
        onInput={(event) => sessionStorage.setItem(TOKEN, event.currentTarget.value)}
      />
    </label>
  );
}
