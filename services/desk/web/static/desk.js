// The desk in the browser: what is live, what is counted down, what is kept, and the keys.
import { startClock } from "./clock.js";
import { startLive } from "./live.js";
import { startForm } from "./form.js";
import { startBoard } from "./board.js";
import { startKeys } from "./keys.js";

startClock();
startForm();
startKeys();
if (document.querySelector('meta[name="homecall-user"]')) startLive();
startBoard();
