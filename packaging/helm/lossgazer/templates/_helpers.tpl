{{- define "lossgazer.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "lossgazer.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" }}
{{- else if contains (include "lossgazer.name" .) .Release.Name }}
{{- .Release.Name | trunc 63 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "lossgazer.name" .) | trunc 63 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "lossgazer.selectorLabels" -}}
app.kubernetes.io/name: {{ include "lossgazer.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "lossgazer.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{ include "lossgazer.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "lossgazer.image" -}}
{{- if .Values.image.digest }}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest }}
{{- else }}
{{- printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) }}
{{- end }}
{{- end }}

{{- define "lossgazer.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- .Values.serviceAccount.name | default (include "lossgazer.fullname" .) }}
{{- else }}
{{- .Values.serviceAccount.name | default "default" }}
{{- end }}
{{- end }}

{{- define "lossgazer.listenAddress" -}}
{{- ternary "[$(NODE_IP)]" "$(NODE_IP)" (eq .Values.nodeAddressFamily "IPv6") }}:{{ .Values.port }}
{{- end }}

{{- define "lossgazer.probe" -}}
port: metrics
scheme: {{ .Values.web.scheme }}
{{- with .Values.web.probeHeaders }}
httpHeaders:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "lossgazer.endpoint" -}}
{{- $endpoint := dict "port" "metrics" "path" "/metrics" "scheme" (lower .root.Values.web.scheme) }}
{{- $_ := set $endpoint "interval" .monitor.interval }}
{{- $node := dict "sourceLabels" (list "__meta_kubernetes_pod_node_name") "targetLabel" "node" }}
{{- /* The alert LossgazerDown looks for jobs of this name. */}}
{{- $job := dict "targetLabel" "job" "replacement" "lossgazer" }}
{{- $_ := set $endpoint "relabelings" (list $job $node) }}
{{- mergeOverwrite $endpoint .monitor.endpoint | toYaml }}
{{- end }}
