import { render } from "preact";
import { App } from "./app";
import { follow } from "./data";
import { listenToKeys } from "./keys";
import { goLive } from "./live";
import { followGhost } from "./plots/whatif";
import "./style/tokens.css";
import "./style/base.css";
import "./style/page.css";
import "./style/panels.css";
import { runPlayer } from "./wall/play";

follow();
goLive();
followGhost();
runPlayer();
listenToKeys();
render(<App />, document.getElementById("page") as HTMLElement);
