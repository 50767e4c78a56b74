import { render } from "preact";
import { App } from "./views/app.tsx";

const root = document.querySelector("#page");
if (root !== null) render(<App isLead={location.pathname === "/lead"} />, root);
