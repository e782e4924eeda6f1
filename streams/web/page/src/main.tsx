import { render } from "preact";
import { App } from "./app";
import { follow } from "./data";
import "./style/tokens.css";
import "./style/base.css";
import "./style/page.css";
import { runPlayer } from "./wall/play";

follow();
runPlayer();
render(<App />, document.getElementById("page") as HTMLElement);
